// The words that @kvfold/demo-model met in training; with others it recalls less.

/** Persons of whom facts are told. */
export const NAMES = (
  "Mary John Anna Peter Clara Henry Lucy George Ellen Arthur Rose Frank Alice Edward Helen Charles Emma Walter Grace " +
  "Hugh Laura Philip Agnes Ralph Edith Simon Julia Roger Nora Felix"
).split(" ");
/** Things that they left somewhere. */
export const THINGS = "key ring letter watch coin lamp book box knife map cup hat glove pipe brush".split(" ");
/** Where they left them. */
export const PLACES =
  "kitchen garden cellar attic stable library chapel mill harbour market tower cottage inn barn parlour".split(" ");

/** Prose without any fact, to put distance between a fact and its question. */
export const PROSE = [
  "The rain had fallen all night, and the road was heavy with mud.",
  "Nobody spoke for some minutes, and the fire burned low in the grate.",
  "A cart went slowly by, and the sound of its wheels was lost in the wind.",
  "She looked up at the sky, where a few pale stars had begun to show.",
  "It was a quiet evening, such as often comes at the end of September.",
  "The old clock on the stairs struck nine, and then all was still again.",
  "He had walked a long way that day, and he was glad to sit down.",
  "There was a smell of wet leaves and of smoke from the chimneys.",
  "The child laughed, and ran before them down the narrow lane.",
  "Supper was laid in the next room, but no one seemed to be hungry.",
  "Beyond the fields the river lay as grey and smooth as glass.",
  "They talked of the weather, and of the price of corn, and of the war.",
  "The dog lifted its head, listened a moment, and went to sleep again.",
  "A letter had come in the morning, but it had brought no great news.",
  "The window stood open, and the curtain moved a little in the air.",
  "By and by the moon rose over the hill, and the shadows grew long.",
  "It was the custom of the house to rise early and to say little.",
  "The snow had melted, and the first green was to be seen on the hedges.",
  "An old man with a stick came to the door and asked for some water.",
  "Then the candle was put out, and they went to their rooms in the dark.",
];
