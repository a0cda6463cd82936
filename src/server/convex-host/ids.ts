import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const ALPHABET_BYTES = Buffer.from(ALPHABET);
const RANDOM_CHARS = 28;
const TABLE_CHARS = 4;
const ID = new RegExp(`^[${ALPHABET}]{${RANDOM_CHARS + TABLE_CHARS}}$`);

/** Random bytes of many ids at a time: a call for each costs more than all else of it. */
const pool = Buffer.alloc(RANDOM_CHARS * 256);
let used = pool.length;
const chars = Buffer.alloc(RANDOM_CHARS + TABLE_CHARS);

/** A document's id: random, and its last characters say which table's. */
export function createId(tableNumber: number): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  for (let i = 0; i < RANDOM_CHARS; i++, used++)
    chars[i] = ALPHABET_BYTES[(pool[used] ?? 0) % ALPHABET.length] ?? 0;
  // In one piece: a text put together of characters keeps a node for each of them as long as it lives.
  return chars.toString("latin1", 0, chars.write(encodeTable(tableNumber), RANDOM_CHARS) + RANDOM_CHARS);
}

/** @returns the table's number, or null when this is no id */
export function tableNumberOf(id: string): number | null {
  if (!ID.test(id)) return null;
  return [...id.slice(RANDOM_CHARS)].reduce((sum, char) => sum * ALPHABET.length + ALPHABET.indexOf(char), 0);
}

function encodeTable(tableNumber: number): string {
  let text = "";
  for (let rest = tableNumber, i = 0; i < TABLE_CHARS; i++, rest = Math.floor(rest / ALPHABET.length))
    text = (ALPHABET[rest % ALPHABET.length] ?? "0") + text;
  return text;
}
