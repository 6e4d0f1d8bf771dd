/**
 * The reversible byte alphabet of GPT-2's byte-level BPE (Radford et al. 2019): every byte is one printable character.
 * Bytes that are printable Latin-1 stand for themselves; the other 68 are numbered upwards from U+0100.
 */
function printable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

const characterToByte = new Map<string, number>();
const characters: string[] = [];
let next = 0x100;
for (let byte = 0; byte < 256; byte++) {
  const character = String.fromCharCode(printable(byte) ? byte : next++);
  characters.push(character);
  characterToByte.set(character, byte);
}

/** The 256 characters, index = byte. */
export const BYTE_CHARACTERS: readonly string[] = characters;

/** Bytes that a token of the alphabet spells; undefined when a character lies outside it (an added token). */
export function byteLevelBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = characterToByte.get(token.charAt(i));
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
