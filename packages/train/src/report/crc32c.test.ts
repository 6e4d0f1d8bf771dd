import { describe, expect, it } from "vitest";
import { crc32c, maskedCrc32c } from "./crc32c.js";

const iscsiRead = [
  0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
  0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
];

describe("crc32c", () => {
  // the examples of RFC 3720, B.4, and the check value of the catalogue of CRCs
  it.each([
    ["32 bytes of zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 bytes of ones", new Uint8Array(32).fill(255), 0x62a8ab43],
    ["32 incrementing bytes", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["32 decrementing bytes", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ["an iSCSI read command", Uint8Array.from(iscsiRead), 0xd9963a56],
    ["123456789", new TextEncoder().encode("123456789"), 0xe3069283],
    ["nothing", new Uint8Array(0), 0],
  ])("of %s", (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it("is masked as in LevelDB and TFRecord", () => {
    const crc = crc32c(new TextEncoder().encode("foo"));
    const masked = maskedCrc32c(new TextEncoder().encode("foo"));
    const turned = (masked - 0xa282ead8) >>> 0;
    expect(((turned >>> 17) | (turned << 15)) >>> 0).toBe(crc);
    expect(maskedCrc32c(new Uint8Array(0))).toBe(0xa282ead8);
  });
});
