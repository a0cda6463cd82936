import { createHash, randomBytes } from "node:crypto";

/** `oa_` + 256 random bits + a checksum of them, both base64url: a scanner knows a leaked one, and a typo needs no database. */
const FORM = /^oa_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})$/;

export function makeToken(): string {
  const secret = randomBytes(32).toString("base64url");
  return `oa_${secret}${checksum(secret)}`;
}

export function hasTokenForm(text: string): boolean {
  const match = FORM.exec(text);
  return match !== null && match[1] !== undefined && checksum(match[1]) === match[2];
}

/** What the database keeps: the token has 256 random bits, so a plain SHA-256 cannot be turned back. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function checksum(secret: string): string {
  return createHash("sha256").update(`oa-checksum:${secret}`).digest("base64url").slice(0, 6);
}
