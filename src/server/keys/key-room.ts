import type { ProviderCredential } from "../../../sidecar/src/protocol";
import { AppError } from "../errors";

/**
 * A session is given its owner's keys, the team's and the demo model's in one message, which its sidecar takes up to 100
 * providers and 1 MiB of sealed text (768 KiB before it is sealed). Each of the two owners may fill less than half of it; the
 * rest is for what else the message holds and for the catalogue, which grows.
 */
export const MAX_KEYS_OF_OWNER = 49;
const MAX_OWNER_BYTES = 320 * 1024;

/** @throws AppError `bad_input` when an owner of so many keys may store no other */
export function requireRoomForKey(storedKeys: number): void {
  if (storedKeys < MAX_KEYS_OF_OWNER) return;
  throw full(
    `There are ${storedKeys} keys here, and a session can be given no more. Remove one that nobody needs, then add this one.`,
  );
}

/**
 * What is already too much may still be made less.
 * @throws AppError `bad_input`
 */
export function requireRoomForModels(
  owners: readonly ProviderCredential[],
  ownersBefore: readonly ProviderCredential[],
): void {
  const bytes = bytesOf(owners);
  if (bytes <= MAX_OWNER_BYTES || bytes < bytesOf(ownersBefore)) return;
  throw full(
    `The models of all keys together are more than a session can be given. Name fewer models for this endpoint, or remove another key.`,
  );
}

function bytesOf(credentials: readonly ProviderCredential[]): number {
  return Buffer.byteLength(JSON.stringify(credentials));
}

function full(message: string): AppError {
  return new AppError("BAD_REQUEST", "bad_input", message);
}
