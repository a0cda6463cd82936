import { Decrypter, Encrypter } from "age-encryption";
import { describe, expect, it } from "vitest";
import { decryptStream, encryptStream } from "./age-file";

const PASSPHRASE = "five words picked by chance";
/** What a test waits for should not be scrypt. */
const LOG_N = 4;
const PIECE = 64 * 1024;

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function whole(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const read: Buffer[] = [];
  for await (const chunk of source) read.push(chunk);
  return Buffer.concat(read);
}

const encrypted = (plain: Buffer, size = 10_000) =>
  whole(encryptStream(chunks(plain, size), PASSPHRASE, LOG_N));
const decrypted = (sealed: Buffer, { passphrase = PASSPHRASE, size = 7_777 } = {}) =>
  whole(decryptStream(chunks(sealed, size), passphrase));

/** Bytes that differ from place to place. */
function plainOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
}

/** Where the first piece begins: behind the header's last line and the nonce. */
function payloadStart(sealed: Buffer): number {
  return sealed.indexOf("\n", sealed.indexOf("\n---") + 1) + 1 + 16;
}

describe("an encrypted stream", () => {
  it.each([0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])("comes back, of %i bytes", async (length) => {
    const plain = plainOf(length);
    expect(await decrypted(await encrypted(plain))).toEqual(plain);
    expect(await decrypted(await encrypted(plain, PIECE), { size: 1_000_000 })).toEqual(plain);
  });

  it("is opened by age's own library, and opens what that makes", async () => {
    const plain = plainOf(2 * PIECE + 5);
    const decrypter = new Decrypter();
    decrypter.addPassphrase(PASSPHRASE);
    expect(Buffer.from(await decrypter.decrypt(await encrypted(plain)))).toEqual(plain);
    const encrypter = new Encrypter();
    encrypter.setPassphrase(PASSPHRASE);
    encrypter.setScryptWorkFactor(LOG_N);
    expect(await decrypted(Buffer.from(await encrypter.encrypt(plain)))).toEqual(plain);
  });

  it("is another each time", async () => {
    const plain = plainOf(10);
    expect(await encrypted(plain)).not.toEqual(await encrypted(plain));
  });

  it("does not open with another passphrase, and says so", async () => {
    const sealed = await encrypted(plainOf(10));
    await expect(decrypted(sealed, { passphrase: "another passphrase" })).rejects.toMatchObject({
      code: "wrong_passphrase",
    });
  });

  it("does not open when a single bit of it is another", async () => {
    const sealed = await encrypted(plainOf(2 * PIECE + 5));
    const start = payloadStart(sealed);
    for (const at of [30, start - 20, start - 5, start, start + PIECE, sealed.length - 1]) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(decrypted(changed), `byte ${at}`).rejects.toMatchObject({ name: "BackupError" });
    }
  });

  it("does not open when its end is missing, wherever it was cut", async () => {
    const sealed = await encrypted(plainOf(3 * PIECE));
    const start = payloadStart(sealed);
    const piece = PIECE + 16;
    for (const end of [
      0,
      10,
      start - 16,
      start,
      start + 5,
      start + piece,
      start + 2 * piece,
      sealed.length - 1,
    ])
      await expect(decrypted(sealed.subarray(0, end)), `${end} bytes`).rejects.toMatchObject({
        name: "BackupError",
      });
  });

  it("does not open with something behind its end", async () => {
    const sealed = await encrypted(plainOf(PIECE));
    await expect(decrypted(Buffer.concat([sealed, Buffer.from("x")]))).rejects.toMatchObject({
      code: "damaged",
    });
  });

  it("does not open when pieces changed places, came twice or are missing", async () => {
    const sealed = await encrypted(plainOf(3 * PIECE + 5));
    const start = payloadStart(sealed);
    const [head, a, b, rest] = [
      sealed.subarray(0, start),
      sealed.subarray(start, start + PIECE + 16),
      sealed.subarray(start + PIECE + 16, start + 2 * (PIECE + 16)),
      sealed.subarray(start + 2 * (PIECE + 16)),
    ];
    for (const order of [
      [head, b, a, rest],
      [head, a, a, rest],
      [head, a, rest],
      [head, a, b, b, rest],
    ])
      await expect(decrypted(Buffer.concat(order))).rejects.toMatchObject({ code: "damaged" });
  });

  it("is not asked for a key that would take the machine's memory", async () => {
    const sealed = await encrypted(plainOf(10));
    const costly = Buffer.from(sealed.toString("latin1").replace(/ 4\n/, " 30\n"), "latin1");
    await expect(decrypted(costly)).rejects.toMatchObject({ code: "damaged" });
  });

  it("is told from any other file, without reading far", async () => {
    await expect(decrypted(Buffer.from("PK\u0003\u0004 and much more"))).rejects.toMatchObject({
      code: "not_a_backup",
    });
    const endless = (async function* () {
      yield Buffer.from("age-encryption.org/v1\n");
      for (;;) yield Buffer.from("-> X25519 aaaa\n");
    })();
    await expect(whole(decryptStream(endless, PASSPHRASE))).rejects.toMatchObject({ code: "not_a_backup" });
  });
});
