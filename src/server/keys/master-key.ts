import { createHash, randomBytes } from "node:crypto";

/** Bytes of a master key. */
export const MASTER_KEY_BYTES = 32;

export interface MasterKey {
  /** Tells master keys apart; says nothing of the key. */
  readonly id: string;
  /** 32 bytes */
  readonly bytes: Buffer;
}

/** The master key in force. Whoever holds it uses its successor from the moment of the change on. */
export interface HeldMasterKey extends MasterKey {
  /** @param next what every stored record is sealed with by now */
  become(next: MasterKey): void;
}

export type MasterKeyErrorCode =
  "missing" | "unreadable" | "too_open" | "wrong_size" | "wrong_key" | "not_in_place";

/** The master key cannot be used as it lies there: `message` says what to do. */
export class MasterKeyError extends Error {
  override readonly name = "MasterKeyError";
  constructor(
    readonly code: MasterKeyErrorCode,
    message: string,
    opts: { cause?: unknown } = {},
  ) {
    super(message, opts);
  }
}

/** @param bytes exactly 32 */
export function masterKeyOf(bytes: Buffer): MasterKey {
  const id = createHash("sha256")
    .update("openagent/master-key-id/v1\0")
    .update(bytes)
    .digest("hex")
    .slice(0, 16);
  return { id, bytes };
}

export function newMasterKey(): MasterKey {
  return masterKeyOf(randomBytes(MASTER_KEY_BYTES));
}

export function holdMasterKey(first: MasterKey): HeldMasterKey {
  let current = first;
  return {
    get id() {
      return current.id;
    },
    get bytes() {
      return current.bytes;
    },
    become(next) {
      current = next;
    },
  };
}
