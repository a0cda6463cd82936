import { randomBytes } from "node:crypto";

export type IdPrefix = "usr" | "ses" | "prm" | "req" | "trm" | "tok" | "key" | "ins" | "lgn" | "snp";

/** `<prefix>_<32 hex>`: 128 random bits. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${randomBytes(16).toString("hex")}`;
}
