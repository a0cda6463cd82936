/**
 * Envelope encryption with AES-256-GCM. Each record has a data key of its own, wrapped by the master key.
 *
 *   oa1.<id of the master key>.<nonce ‖ wrapped data key ‖ tag>.<nonce ‖ ciphertext ‖ tag>      (base64url)
 *
 * What a record belongs to is authenticated with both parts, so a record moved to another owner does not open. The id
 * of the master key is authenticated with the wrapped data key alone: a new master key then wraps the data keys anew
 * and leaves the ciphertexts as they are.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { MasterKey } from "./master-key";

const VERSION = "oa1";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
/** 96 random bits, as NIST SP 800-38D 8.2.2 asks of random nonces; far below 2^32 uses of one master key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The one failure of opening: whoever tampers learns nothing from it. */
export class SealError extends Error {
  override readonly name = "SealError";
  readonly code = "unsealable";
  constructor() {
    super("A stored secret cannot be read. Enter it again.");
  }
}

/** @param context what the record belongs to; {@link openEnvelope} needs the same */
export function sealEnvelope(master: MasterKey, plain: string, context: readonly string[]): string {
  const dataKey = randomBytes(KEY_BYTES);
  const wrapped = encrypt(master.bytes, dataKey, wrapContext(master.id, context));
  const body = encrypt(dataKey, Buffer.from(plain, "utf8"), bodyContext(context));
  dataKey.fill(0);
  return format({ keyId: master.id, wrapped, body });
}

/** @throws SealError whatever the reason. */
export function openEnvelope(master: MasterKey, sealed: string, context: readonly string[]): string {
  const { dataKey, plain } = unseal(master, sealed, context);
  dataKey.fill(0);
  return plain.toString("utf8");
}

/**
 * Wraps the data key of a record that opens with `from` anew, with `to`. The ciphertext stays as it is.
 * @throws SealError when the record does not open, its ciphertext included.
 */
export function rewrapEnvelope(
  keys: { from: MasterKey; to: MasterKey },
  sealed: string,
  context: readonly string[],
): string {
  const { dataKey, plain, body } = unseal(keys.from, sealed, context);
  plain.fill(0);
  const wrapped = encrypt(keys.to.bytes, dataKey, wrapContext(keys.to.id, context));
  dataKey.fill(0);
  return format({ keyId: keys.to.id, wrapped, body });
}

function unseal(master: MasterKey, sealed: string, context: readonly string[]) {
  try {
    const { keyId, wrapped, body } = parse(sealed);
    if (keyId !== master.id) throw new SealError();
    const dataKey = decrypt(master.bytes, wrapped, wrapContext(keyId, context));
    return { dataKey, plain: decrypt(dataKey, body, bodyContext(context)), body };
  } catch {
    // One error for every reason, without its cause: which check failed must not show.
    throw new SealError();
  }
}

interface Parts {
  keyId: string;
  wrapped: Buffer;
  body: Buffer;
}

function format({ keyId, wrapped, body }: Parts): string {
  return [VERSION, keyId, wrapped.toString("base64url"), body.toString("base64url")].join(".");
}

function parse(sealed: string): Parts {
  const [, keyId = "", wrapped = "", body = ""] = sealed.split(".");
  const parts = { keyId, wrapped: Buffer.from(wrapped, "base64url"), body: Buffer.from(body, "base64url") };
  // base64 has several spellings of the same bytes; only the one written is taken.
  if (format(parts) !== sealed) throw new SealError();
  return parts;
}

/** JSON, so that no two contexts run together into the same bytes. */
function wrapContext(keyId: string, context: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify([VERSION, "data-key", keyId, ...context]), "utf8");
}

function bodyContext(context: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify([VERSION, "body", ...context]), "utf8");
}

function encrypt(key: Buffer, plain: Buffer, context: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(context);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, bytes: Buffer, context: Buffer): Buffer {
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(context);
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  return Buffer.concat([
    decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES)),
    decipher.final(),
  ]);
}
