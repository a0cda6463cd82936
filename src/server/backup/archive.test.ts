import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pack, type Header } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encryptStream } from "./age-file";
import { COMPLETE, DATABASE, MANIFEST, type Manifest } from "./archive-format";
import { readArchive } from "./archive-reader";
import { writeArchive } from "./archive-writer";
import type { CheckedEntry } from "./entry-policy";

const PASSPHRASE = "five words picked by chance";
const SESSION = "ses_0123456789abcdef";
const OTHER = "ses_fedcba9876543210";
const ROOT = `sessions/${SESSION}/workspace`;
const MANIFEST_CONTENT: Manifest = {
  format: "openagent-backup",
  version: 1,
  createdAt: "2026-11-28T00:00:00.000Z",
  madeBy: "0.1.0",
  migrations: 5,
  masterKeyCheck: null,
};

type Raw = Partial<Header> & { name: string; body?: string };
const dir = (name: string): Raw => ({ name, type: "directory", mode: 0o755 });
const file = (name: string, body = ""): Raw => ({ name, type: "file", mode: 0o644, body });

async function tarOf(entries: readonly Raw[]): Promise<Buffer> {
  const tar = pack();
  for (const { body = "", ...header } of entries) tar.entry({ mtime: new Date(0), ...header }, body);
  tar.finalize();
  return buffer(Readable.from(tar as AsyncIterable<Buffer>));
}

async function firstOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  for await (const first of source) return [first];
  return [];
}

describe("an archive", () => {
  let work: string;
  let path: string;
  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), "oa-archive-"));
    path = join(work, "it.tar.age");
  });
  afterEach(() => rmSync(work, { recursive: true, force: true }));

  /** As {@link writeArchive} would never make one. */
  async function forge(entries: readonly Raw[]): Promise<void> {
    const tar = await tarOf(entries);
    const source = (async function* () {
      yield tar;
    })();
    writeFileSync(path, await buffer(Readable.from(encryptStream(source, PASSPHRASE, 4))));
  }
  /** With a manifest before it, and database and an end that fits behind it. */
  async function forgeAround(entries: readonly Raw[], changes: { complete?: object } = {}): Promise<void> {
    const before = [{ ...file(MANIFEST, JSON.stringify(MANIFEST_CONTENT)) }, ...entries];
    before.push(file(DATABASE, "db"));
    const bytes = before.reduce((sum, { body = "" }) => sum + Buffer.byteLength(body), 0);
    const complete = { sessions: [SESSION], entries: before.length, bytes, ...changes.complete };
    await forge([...before, file(COMPLETE, JSON.stringify(complete))]);
  }
  /** Everything that a visitor was shown. */
  async function read(passphrase = PASSPHRASE) {
    const seen: { entry: CheckedEntry; body: string }[] = [];
    const manifests: Manifest[] = [];
    const complete = await readArchive(
      { file: path, passphrase },
      {
        onManifest: (manifest) => void manifests.push(manifest),
        async onEntry(entry, body) {
          const content = entry.type === "file" ? await buffer(Readable.from(body)) : Buffer.alloc(0);
          seen.push({ entry, body: content.toString() });
        },
      },
    );
    return { seen, manifests, complete };
  }
  const volume = async (entries: readonly Raw[]) => Readable.from([await tarOf(entries)]);
  async function write(entries: readonly Raw[], signal?: AbortSignal) {
    const database = join(work, "db");
    writeFileSync(database, "rows");
    return writeArchive(
      { file: path, passphrase: PASSPHRASE, ...(signal ? { signal } : {}) },
      async (archive) => {
        await archive.manifest(MANIFEST_CONTENT);
        await archive.volume(SESSION, "workspace", await volume(entries));
        await archive.database(database);
      },
    );
  }

  it("gives back what was put in: names, links, modes, owners, times, contents", async () => {
    const mtime = new Date("2026-01-02T03:04:05Z");
    const long = `workspace/${"d".repeat(200)}`;
    const made = await write([
      dir("workspace/"),
      { ...file("workspace/ünï €\n.txt", "hello"), uid: 1000, gid: 1000, mtime },
      { ...file("workspace/run", ""), mode: 0o4755 },
      dir(`${long}/`),
      file(`${long}/${"f".repeat(200)}`, "x".repeat(200_000)),
      { name: "workspace/abs", type: "symlink", linkname: "/usr/bin/env" },
      { name: "workspace/up", type: "symlink", linkname: "../../../etc/passwd" },
      { name: "workspace/hard", type: "link", linkname: "workspace/run" },
    ]);
    expect(made.leftOut).toEqual([]);
    const { seen, manifests, complete } = await read();
    expect(manifests).toEqual([MANIFEST_CONTENT]);
    expect(complete.sessions).toEqual([SESSION]);
    const of = (name: string) => seen.find(({ entry }) => entry.name === `${ROOT}${name}`);
    expect(of("/ünï €\n.txt")).toMatchObject({
      entry: { uid: 1000, gid: 1000, mtime, size: 5 },
      body: "hello",
    });
    expect(of("/run")?.entry.mode).toBe(0o755);
    expect(of("/abs")?.entry).toMatchObject({ type: "symlink", linkname: "/usr/bin/env" });
    expect(of("/up")?.entry).toMatchObject({ type: "symlink", linkname: "../../../etc/passwd" });
    expect(of("/hard")?.entry).toMatchObject({ type: "link", linkname: `${ROOT}/run` });
    expect(seen.find(({ body }) => body.length === 200_000)?.entry.name).toContain("f".repeat(200));
    expect(seen.at(-1)).toMatchObject({ entry: { name: DATABASE }, body: "rows" });
  });

  it("leaves out, and names, what no archive holds; and is whole without it", async () => {
    const made = await write([
      dir("workspace/"),
      { name: "workspace/pipe", type: "fifo" },
      { name: "workspace/disk", type: "block-device", devmajor: 8 },
      { name: "workspace/to-pipe", type: "link", linkname: "workspace/pipe" },
      file("workspace/kept", "kept"),
    ]);
    expect(made.leftOut).toHaveLength(3);
    expect(made.leftOut.join()).toMatch(/pipe.*disk.*to-pipe/);
    const names = (await read()).seen.map(({ entry }) => entry.name);
    expect(names).toEqual([ROOT, `${ROOT}/kept`, DATABASE]);
  });

  it("is nobody else's to read, and there whole or not at all", async () => {
    await write([dir("workspace/")]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = readFileSync(path);
    const broken = new Readable({
      read() {
        this.destroy(new Error("the engine went away"));
      },
    });
    const writing = writeArchive({ file: path, passphrase: PASSPHRASE }, async (archive) => {
      await archive.manifest(MANIFEST_CONTENT);
      await archive.volume(SESSION, "workspace", broken);
    });
    await expect(writing).rejects.toThrow("the engine went away");
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(work).sort()).toEqual(["db", "it.tar.age"]);
  });

  it("is broken off by the signal, with nothing left", async () => {
    const stop = new AbortController();
    const silent = new Readable({ read: () => undefined });
    const writing = writeArchive(
      { file: path, passphrase: PASSPHRASE, signal: stop.signal },
      async (archive) => {
        await archive.manifest(MANIFEST_CONTENT);
        stop.abort(new Error("broken off"));
        silent.push(await tarOf([dir("workspace/")]));
        silent.push(null);
        await archive.volume(SESSION, "workspace", silent);
      },
    );
    await expect(writing).rejects.toThrow("broken off");
    expect(readdirSync(work)).toEqual([]);
  });

  it("cannot be written where nothing can, and says what the disk says", async () => {
    const nowhere = writeArchive({ file: join(work, "no/such"), passphrase: PASSPHRASE }, (archive) =>
      archive.manifest(MANIFEST_CONTENT),
    );
    await expect(nowhere).rejects.toMatchObject({ code: "ENOENT" });
  });

  const sized = (name: string, size: number): Raw => ({ name, type: "file", size });
  const link = (name: string, linkname: string): Raw => ({ name, type: "link", linkname });
  it.each<[string, Raw[]]>([
    ["an absolute name", [file("/etc/passwd", "x")]],
    ["a name that leads up", [dir(ROOT), file(`${ROOT}/../../../../etc/passwd`, "x")]],
    ["a name with a dot in it", [dir(ROOT), file(`${ROOT}/./x`, "x")]],
    ["an empty part of a name", [dir(ROOT), file(`${ROOT}//x`, "x")]],
    ["a name that is too long", [dir(ROOT), file(`${ROOT}/${"x".repeat(300)}`, "x")]],
    ["something beside the sessions", [file("sessions/readme", "x")]],
    ["a session that has no such id", [dir("sessions/../workspace")]],
    ["a volume of another kind", [dir(`sessions/${SESSION}/secrets`)]],
    ["a volume that is a link", [{ name: ROOT, type: "symlink", linkname: "/etc" }]],
    [
      "a file through a link",
      [dir(ROOT), { name: `${ROOT}/a`, type: "symlink", linkname: "/etc" }, file(`${ROOT}/a/x`)],
    ],
    ["a file in no directory", [dir(ROOT), file(`${ROOT}/a/x`)]],
    ["a file below a file", [dir(ROOT), file(`${ROOT}/a`), file(`${ROOT}/a/x`)]],
    ["a name twice", [dir(ROOT), file(`${ROOT}/a`), file(`${ROOT}/a`)]],
    [
      "a link in the place of a file",
      [dir(ROOT), file(`${ROOT}/a`), { name: `${ROOT}/a`, type: "symlink", linkname: "/" }],
    ],
    ["a hard link to the host", [dir(ROOT), link(`${ROOT}/a`, "/etc/passwd")]],
    ["a hard link up", [dir(ROOT), file(`${ROOT}/b`), link(`${ROOT}/a`, `${ROOT}/../b`)]],
    ["a hard link to the database", [dir(ROOT), link(`${ROOT}/a`, DATABASE)]],
    ["a hard link to what comes later", [dir(ROOT), link(`${ROOT}/a`, `${ROOT}/b`), file(`${ROOT}/b`)]],
    [
      "a hard link to a symbolic one",
      [dir(ROOT), { name: `${ROOT}/b`, type: "symlink", linkname: "/" }, link(`${ROOT}/a`, `${ROOT}/b`)],
    ],
    ["a device", [dir(ROOT), { name: `${ROOT}/a`, type: "character-device", devmajor: 1, devminor: 1 }]],
    ["a pipe", [dir(ROOT), { name: `${ROOT}/a`, type: "fifo" }]],
    ["a setuid file", [dir(ROOT), { ...file(`${ROOT}/a`), mode: 0o4755 }]],
    ["a setgid directory", [{ ...dir(ROOT), mode: 0o2755 }]],
    ["a session after another's beginning", [dir(ROOT), dir(`sessions/${OTHER}/state`), file(`${ROOT}/a`)]],
    ["a second manifest", [file(MANIFEST, "{}")]],
    ["a second database", [file(DATABASE, "one")]],
  ])("is refused with %s", async (_what, entries) => {
    await forgeAround(entries);
    await expect(read()).rejects.toMatchObject({ code: "refused_entry" });
  });

  it("is refused for the size that an entry claims, before its content is read", async () => {
    const claimed = await tarOf([file(MANIFEST, JSON.stringify(MANIFEST_CONTENT)), dir(ROOT)]);
    const tar = pack();
    tar.entry(sized(`${ROOT}/bomb`, 300 * 1024 ** 3));
    const [header = Buffer.alloc(0)] = await firstOf(tar as AsyncIterable<Buffer>);
    const source = (async function* () {
      yield Buffer.concat([claimed.subarray(0, -1024), header]);
    })();
    writeFileSync(path, await buffer(Readable.from(encryptStream(source, PASSPHRASE, 4))));
    await expect(read()).rejects.toMatchObject({ code: "refused_entry" });
  });

  it("is refused without a manifest in front, or of another format, or with one that is none", async () => {
    await forge([file(DATABASE, "x")]);
    await expect(read()).rejects.toMatchObject({ code: "refused_entry" });
    await forge([file(MANIFEST, JSON.stringify({ ...MANIFEST_CONTENT, version: 2 }))]);
    await expect(read()).rejects.toMatchObject({ code: "other_version" });
    await forge([file(MANIFEST, "{")]);
    await expect(read()).rejects.toMatchObject({ code: "damaged" });
    await forge([file(MANIFEST, JSON.stringify({ ...MANIFEST_CONTENT, format: "another" }))]);
    await expect(read()).rejects.toMatchObject({ code: "damaged" });
  });

  it("is refused when something is missing at its end, or counted otherwise", async () => {
    await forge([file(MANIFEST, JSON.stringify(MANIFEST_CONTENT)), dir(ROOT)]);
    await expect(read()).rejects.toMatchObject({ code: "damaged" });
    await forgeAround([dir(ROOT)], { complete: { entries: 7 } });
    await expect(read()).rejects.toMatchObject({ code: "damaged" });
    await forgeAround([dir(ROOT)], { complete: { sessions: [OTHER] } });
    await expect(read()).rejects.toMatchObject({ code: "damaged" });
    await forgeAround([dir(ROOT)]);
    expect((await read()).complete.sessions).toEqual([SESSION]);
  });

  it("is refused when a bit of it is another, or its end was cut", async () => {
    await write([dir("workspace/"), file("workspace/a", "x".repeat(300_000))]);
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, -1));
    await expect(read()).rejects.toMatchObject({ code: "damaged" });
    const changed = Buffer.from(whole);
    changed[200_000] = (changed[200_000] ?? 0) ^ 0x40;
    writeFileSync(path, changed);
    await expect(read()).rejects.toMatchObject({ code: "damaged" });
    writeFileSync(path, whole);
    await expect(read("another passphrase")).rejects.toMatchObject({ code: "wrong_passphrase" });
    expect(existsSync(path)).toBe(true);
  });

  it("stops reading when the manifest does not please", async () => {
    await forgeAround([dir(ROOT), file(`${ROOT}/../x`)]);
    const refusing = readArchive(
      { file: path, passphrase: PASSPHRASE },
      {
        onManifest: () => {
          throw new Error("not this one");
        },
      },
    );
    await expect(refusing).rejects.toThrow("not this one");
  });
});
