/**
 * Encryption of a stream under a passphrase: the age v1 format (https://age-encryption.org/v1, scrypt recipient), so that the
 * `age` tool opens what is written here. The primitives are Node's own: age's library for JavaScript computes them in JavaScript,
 * which measured 29 MB/s beside 429, and derives the key in one piece that stops the process for seconds.
 *
 *   age-encryption.org/v1
 *   -> scrypt <salt> <log2 of N>
 *   <file key, sealed by the key that scrypt makes of the passphrase>
 *   --- <HMAC-SHA-256 of the above>
 *   <nonce><pieces of 64 KiB, each sealed by ChaCha20-Poly1305 under its number and whether it is the last>
 *
 * Changed, moved, repeated and missing pieces do not open, and an end that is not the last piece does not either.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from "node:crypto";
import { BackupError, damaged } from "./backup-error";

const VERSION_LINE = "age-encryption.org/v1";
const SCRYPT_LABEL = "age-encryption.org/v1/scrypt";
const CIPHER = "chacha20-poly1305";
/** 128 MiB and some tenths of a second for each guess. */
const LOG_N = 17;
/** A gibibyte: what a file may ask of whoever tries to open it. */
const MAX_LOG_N = 20;
const SALT_BYTES = 16;
const FILE_KEY_BYTES = 16;
const NONCE_BYTES = 16;
const TAG_BYTES = 16;
const PIECE_BYTES = 64 * 1024;
const SEALED_PIECE_BYTES = PIECE_BYTES + TAG_BYTES;
/** Ours has some 170 bytes. */
const MAX_HEADER_BYTES = 1024;

/** @param logN for tests alone: each step less halves the work, of guessing too */
export async function* encryptStream(
  plain: AsyncIterable<Buffer>,
  passphrase: string,
  logN: number = LOG_N,
): AsyncGenerator<Buffer> {
  const fileKey = randomBytes(FILE_KEY_BYTES);
  const salt = randomBytes(SALT_BYTES);
  const wrapped = seal(await passphraseKey({ passphrase, salt, logN }), Buffer.alloc(12), fileKey);
  const signed = `${VERSION_LINE}\n-> scrypt ${unpadded(salt)} ${logN}\n${unpadded(wrapped)}\n---`;
  const nonce = randomBytes(NONCE_BYTES);
  yield Buffer.concat([Buffer.from(`${signed} ${unpadded(headerMac(fileKey, signed))}\n`), nonce]);
  const key = payloadKey(fileKey, nonce);
  let piece = 0;
  for await (const { bytes, isLast } of pieces(plain, PIECE_BYTES)) {
    yield seal(key, pieceNonce(piece, isLast), bytes);
    piece += 1;
  }
}

/**
 * What {@link encryptStream}, or `age -p`, made. A piece is given out when it is authenticated; that none is missing at the end is
 * known at the end.
 * @throws BackupError `not_a_backup`, `wrong_passphrase` or `damaged`
 */
export async function* decryptStream(
  sealed: AsyncIterable<Buffer>,
  passphrase: string,
): AsyncGenerator<Buffer> {
  const source = sealed[Symbol.asyncIterator]();
  const { header, nonce, rest } = await readHeader(source);
  const fileKey = await openHeader(header, passphrase);
  const key = payloadKey(fileKey, nonce);
  let piece = 0;
  for await (const { bytes, isLast } of pieces(chain(rest, source), SEALED_PIECE_BYTES)) {
    const plain = open(key, pieceNonce(piece, isLast), bytes);
    if (plain === null) throw damaged(`piece ${piece} does not open`);
    if (plain.length === 0 && piece > 0) throw damaged("the last piece is empty");
    yield plain;
    piece += 1;
  }
}

interface Header {
  /** What the MAC is of. */
  signed: string;
  salt: Buffer;
  logN: number;
  wrapped: Buffer;
  mac: Buffer;
}

async function readHeader(source: AsyncIterator<Buffer>) {
  let read = Buffer.alloc(0);
  for (;;) {
    const text = read.toString("latin1");
    const header = parseHeader(text);
    const end = header === null ? 0 : text.indexOf("\n", header.signed.length) + 1;
    if (header !== null && read.length >= end + NONCE_BYTES)
      return { header, nonce: read.subarray(end, end + NONCE_BYTES), rest: read.subarray(end + NONCE_BYTES) };
    const isOurs = VERSION_LINE.startsWith(text.slice(0, VERSION_LINE.length));
    if (!isOurs || (header === null && read.length > MAX_HEADER_BYTES)) throw notABackup();
    const next = await source.next();
    if (next.done) throw notABackup();
    read = Buffer.concat([read, next.value]);
  }
}

function parseHeader(text: string): Header | null {
  const found =
    /^(age-encryption\.org\/v1\n-> scrypt ([\w+/]{22}) ([1-9]\d?)\n([\w+/]{43})\n---) ([\w+/]{43})\n/.exec(
      text,
    );
  if (!found) return null;
  const [, signed = "", salt = "", logN = "", wrapped = "", mac = ""] = found;
  return { signed, salt: bytesOf(salt), logN: Number(logN), wrapped: bytesOf(wrapped), mac: bytesOf(mac) };
}

async function openHeader({ signed, salt, logN, wrapped, mac }: Header, passphrase: string): Promise<Buffer> {
  if (logN > MAX_LOG_N) throw damaged(`scrypt with 2^${logN} is more than is ever used`);
  const fileKey = open(await passphraseKey({ passphrase, salt, logN }), Buffer.alloc(12), wrapped);
  if (fileKey === null) {
    throw new BackupError(
      "wrong_passphrase",
      "The passphrase does not open this backup. Give the one that it was made with.",
    );
  }
  if (!timingSafeEqual(headerMac(fileKey, signed), mac)) throw damaged("the header was changed");
  return fileKey;
}

/** Pieces of a size, of which only the last may be shorter; at least one. */
async function* pieces(
  source: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<{ bytes: Buffer; isLast: boolean }> {
  let held: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    held.push(chunk);
    length += chunk.length;
    // What is full is given out when there is more behind it: only then it is known not to be the last.
    if (length <= size) continue;
    const all = Buffer.concat(held, length);
    let start = 0;
    for (; length - start > size; start += size)
      yield { bytes: all.subarray(start, start + size), isLast: false };
    held = [all.subarray(start)];
    length -= start;
  }
  yield { bytes: Buffer.concat(held, length), isLast: true };
}

async function* chain(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

function pieceNonce(piece: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(piece), 3);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

function passphraseKey(opts: { passphrase: string; salt: Buffer; logN: number }): Promise<Buffer> {
  const salt = Buffer.concat([Buffer.from(SCRYPT_LABEL), opts.salt]);
  const cost = { N: 2 ** opts.logN, r: 8, p: 1, maxmem: 2 ** (opts.logN + 11) };
  return new Promise((resolve, reject) => {
    scrypt(opts.passphrase, salt, 32, cost, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function payloadKey(fileKey: Buffer, nonce: Buffer): Buffer {
  return Buffer.from(hkdfSync("sha256", fileKey, nonce, "payload", 32));
}

function headerMac(fileKey: Buffer, signed: string): Buffer {
  const key = Buffer.from(hkdfSync("sha256", fileKey, Buffer.alloc(0), "header", 32));
  return createHmac("sha256", key).update(signed).digest();
}

function seal(key: Buffer, nonce: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** null when it was not sealed so */
function open(key: Buffer, nonce: Buffer, sealed: Buffer): Buffer | null {
  if (sealed.length < TAG_BYTES) return null;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(end));
  const plain = decipher.update(sealed.subarray(0, end));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    // The one thing that `final` fails for: the tag is not of these bytes.
    return null;
  }
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "base64");
}

function notABackup(): BackupError {
  return new BackupError(
    "not_a_backup",
    "This file is not a backup of OpenAgent, or its beginning is missing. Name a file that `npm run backup` made.",
  );
}
