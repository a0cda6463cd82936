/**
 * Sealing of the messages that carry keys: HPKE in PSK mode, one context a message (RFC 9180).
 * Pure: used by both sides of the wire, so it imports the contract and the HPKE suite alone.
 */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { SEAL_PSK_ID, sealInfo, type SealedMessage } from "../protocol";

/** What a sealed message is bound to. `token`: the boot token's 32 bytes, the pre-shared key. */
export interface SealContext {
  purpose: Parameters<typeof sealInfo>[0];
  sessionId: string;
  instanceId: string;
  token: Uint8Array;
}

/** A key or a message that may not be used; the reason never holds secret material. */
export class SealError extends Error {
  override readonly name = "SealError";
  constructor(
    readonly code: "bad_public_key" | "bad_token" | "open_failed",
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

const KEY_BYTES = 32;

/**
 * u-coordinates of small order on Curve25519 and its twist, and their forms above the prime (little-endian hex, top bit
 * cleared). A shared secret with any of them is known to everyone. Source: RFC 7748 §6.1, and the list in libsodium's
 * `x25519_ref10.c`.
 */
const LOW_ORDER = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
]);

function suite(): CipherSuite {
  return new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
}

/** A copy with a buffer of its own: WebCrypto takes no view of a shared one. */
function bytes(source: Uint8Array | string): Uint8Array<ArrayBuffer> {
  return typeof source === "string" ? new TextEncoder().encode(source) : Uint8Array.from(source);
}

export function toBase64Url(data: ArrayBuffer | Uint8Array): string {
  return Buffer.from(data instanceof Uint8Array ? data : new Uint8Array(data)).toString("base64url");
}

/**
 * Decodes an X25519 public key.
 * @throws SealError `bad_public_key` unless it is 32 bytes of canonical base64url and not a point of small order.
 */
export function decodePublicKey(publicKey: string): Uint8Array<ArrayBuffer> {
  const raw = bytes(Buffer.from(publicKey, "base64url"));
  if (raw.length !== KEY_BYTES || toBase64Url(raw) !== publicKey) {
    throw new SealError("bad_public_key", "The public key is not 32 bytes of base64url.");
  }
  const masked = bytes(raw);
  masked[KEY_BYTES - 1] = (masked[KEY_BYTES - 1] ?? 0) & 0x7f;
  if (LOW_ORDER.has(Buffer.from(masked).toString("hex"))) {
    throw new SealError("bad_public_key", "The public key is a point of small order.");
  }
  return raw;
}

function psk(context: SealContext): { id: ArrayBuffer; key: ArrayBuffer } {
  if (context.token.length !== KEY_BYTES) throw new SealError("bad_token", "The boot token is not 32 bytes.");
  return { id: bytes(SEAL_PSK_ID).buffer, key: bytes(context.token).buffer };
}

function info(context: SealContext): ArrayBuffer {
  return bytes(sealInfo(context.purpose, context)).buffer;
}

export interface SealKeyPair {
  /** base64url of the raw 32 bytes. */
  publicKey: string;
  privateKey: CryptoKey;
}

/** A fresh X25519 pair; the private key cannot be exported by callers and lives as long as the process. */
export async function generateSealKeyPair(): Promise<SealKeyPair> {
  const kem = suite().kem;
  const pair = await kem.generateKeyPair();
  return {
    publicKey: toBase64Url(await kem.serializePublicKey(pair.publicKey)),
    privateKey: pair.privateKey,
  };
}

/**
 * Seals `message` (JSON text as UTF-8) to the holder of `publicKey`.
 * @throws SealError `bad_public_key` or `bad_token`.
 */
export async function sealTo(
  publicKey: string,
  context: SealContext,
  message: string,
): Promise<SealedMessage> {
  const raw = decodePublicKey(publicKey);
  const hpke = suite();
  const recipientPublicKey = await hpke.kem.deserializePublicKey(raw.buffer);
  const sealed = await hpke.seal(
    { recipientPublicKey, info: info(context), psk: psk(context) },
    bytes(message).buffer,
  );
  return { enc: toBase64Url(sealed.enc), ciphertext: toBase64Url(sealed.ct) };
}

/**
 * Opens what {@link sealTo} made for this key, purpose, session, instance and token.
 * @throws SealError `open_failed` for everything else, without saying which part differed.
 */
export async function openSealed(
  privateKey: CryptoKey,
  context: SealContext,
  sealed: SealedMessage,
): Promise<string> {
  const preShared = psk(context);
  try {
    const enc = decodePublicKey(sealed.enc).buffer;
    const ciphertext = bytes(Buffer.from(sealed.ciphertext, "base64url"));
    const plain = await suite().open(
      { recipientKey: privateKey, enc, info: info(context), psk: preShared },
      ciphertext.buffer,
    );
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch (cause) {
    throw new SealError("open_failed", "The sealed message was not made for this instance.", { cause });
  }
}
