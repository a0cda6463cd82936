import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_CHARS = 28;
const TABLE_CHARS = 4;
const ID = new RegExp(`^[${ALPHABET}]{${RANDOM_CHARS + TABLE_CHARS}}$`);

/** Random bytes of many ids at a time: a call for each costs more than all else of it. */
const pool = Buffer.alloc(RANDOM_CHARS * 256);
let used = pool.length;

/** A document's id: random, and its last characters say which table's. */
export function createId(tableNumber: number): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let random = "";
  for (const end = used + RANDOM_CHARS; used < end; used++)
    random += ALPHABET.charAt((pool[used] ?? 0) % ALPHABET.length);
  return random + encodeTable(tableNumber);
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
