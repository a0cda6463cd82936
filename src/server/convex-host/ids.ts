import { randomBytes } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_CHARS = 28;
const TABLE_CHARS = 4;
const ID = new RegExp(`^[${ALPHABET}]{${RANDOM_CHARS + TABLE_CHARS}}$`);

/** A document's id: random, and its last characters say which table's. */
export function createId(tableNumber: number): string {
  const random = Array.from(randomBytes(RANDOM_CHARS), (byte) => ALPHABET[byte % ALPHABET.length]);
  return random.join("") + encodeTable(tableNumber);
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
