/** The part of the suite that is about sessions' files as streams. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { extract, pack, type Header } from "tar-stream";
import { expect, it } from "vitest";
import type { Tools } from "./driver-contract";
import { failureOf } from "./driver-failure.testing";

export function copyCases({ harness, newSpec, started, bootLine }: Tools): void {
  const exported = async (sessionId: string): Promise<string[]> => {
    const seen: string[] = [];
    await harness().driver.exportVolumes(sessionId, async (kind, tar) => {
      seen.push(`-- ${kind}`);
      seen.push(...(await listing(tar)));
    });
    return seen;
  };
  const some: Raw[] = [
    { name: "state", type: "directory", mode: 0o755 },
    { name: "state/spool", type: "directory", mode: 0o700, uid: 900, gid: 900 },
    { name: "workspace", type: "directory", mode: 0o755, uid: 1000, gid: 1000 },
    { name: "workspace/ünï €\n.txt", mode: 0o640, uid: 1000, gid: 1000, body: "hello" },
    { name: "workspace/run", mode: 0o755, uid: 1000, gid: 1000 },
    { name: "workspace/abs", type: "symlink", linkname: "/etc/passwd", mode: 0o777 },
    { name: "workspace/up", type: "symlink", linkname: "../../../etc/passwd", mode: 0o777 },
    { name: "workspace/hard", type: "link", linkname: "workspace/run", mode: 0o755, uid: 1000, gid: 1000 },
  ];

  it("writes volumes from a tar and reads them again: names, owners, modes, links, contents", async () => {
    const { sessionId } = newSpec();
    await harness().driver.importVolumes(sessionId, await tarOf(some));
    expect(await harness().driver.listVolumes()).toContain(sessionId);
    const seen = await exported(sessionId);
    expect(seen[0]).toBe("-- state");
    for (const line of await listing(await tarOf(some)))
      // Of a file with two names either may come first.
      if (!/workspace\/(run|hard) /.test(line)) expect(seen).toContain(line);
    expect(
      seen.filter((line) => /workspace\/(run|hard) /.test(line)).map((line) => line.split(" ")[1]),
    ).toEqual(["file", "link"]);
  });

  it("writes nothing on the host through a link of the tar", async () => {
    const { sessionId } = newSpec();
    const onHost = await mkdtemp(join(tmpdir(), "oa-host-"));
    const through: Raw[] = [
      { name: "workspace", type: "directory", mode: 0o755 },
      { name: "workspace/out", type: "symlink", linkname: onHost, mode: 0o777 },
      { name: "workspace/up", type: "symlink", linkname: `../../../../../..${onHost}`, mode: 0o777 },
      { name: "workspace/out/x", mode: 0o644, body: "through" },
      { name: "workspace/up/y", mode: 0o644, body: "through" },
    ];
    try {
      // The engine may refuse it, or write inside the container: both are well.
      await harness()
        .driver.importVolumes(sessionId, await tarOf(through))
        .catch((error: unknown) => expect(error).toMatchObject({ name: "DriverError" }));
      expect(await readdir(onHost)).toEqual([]);
    } finally {
      await rm(onHost, { recursive: true });
    }
    expect(await exported(sessionId)).toContain(`workspace/out symlink 777 0:0 ${onHost} `);
  });

  it("says which volume is missing, and makes none by looking", async () => {
    const { sessionId } = newSpec();
    const error = await failureOf(harness().driver.exportVolumes(sessionId, async () => undefined));
    expect(error.code).toBe("instance_gone");
    expect(error.message).toMatch(/OPENAGENT_INSTANCE/);
    expect(await harness().driver.listVolumes()).not.toContain(sessionId);
  });

  it("passes on what whoever reads fails with, and leaves nothing that keeps the volumes", async () => {
    const { sessionId } = newSpec();
    const { driver } = harness();
    await driver.importVolumes(sessionId, await tarOf(some));
    const error = await failureOf(
      driver.exportVolumes(sessionId, () => Promise.reject(new Error("no room for it"))),
    );
    expect(error.detail).toBe("no room for it");
    await driver.removeVolumes(sessionId);
    expect(await driver.listVolumes()).not.toContain(sessionId);
  });

  it("says no to a tar that breaks off", async () => {
    const { sessionId } = newSpec();
    const broken = Readable.from(
      (async function* () {
        yield* (await tarOf(some)) as AsyncIterable<Buffer>;
        throw new Error("the archive ends here");
      })(),
    );
    await failureOf(harness().driver.importVolumes(sessionId, broken));
  });

  it("lets a session stand still while it is copied, and go on afterwards, also when that fails", async () => {
    const { driver } = harness();
    const spec = await started();
    await driver.whilePaused(spec.sessionId, async () => {
      expect(await harness().isPaused(spec.instanceId)).toBe(true);
      await exported(spec.sessionId);
    });
    expect(await harness().isPaused(spec.instanceId)).toBe(false);
    const failing = driver.whilePaused(spec.sessionId, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(await harness().isPaused(spec.instanceId)).toBe(false);
    expect(await driver.whilePaused(newSpec().sessionId, async () => "nothing runs")).toBe("nothing runs");
  });

  it("says that a session was started while it was copied", async () => {
    const { driver } = harness();
    const spec = newSpec();
    const copying = driver.whilePaused(spec.sessionId, () => driver.start(spec, bootLine(spec)));
    expect((await failureOf(copying)).message).toMatch(/was started or stopped while its files were read/);
  });

  it("says that a session was stopped while it was copied", async () => {
    const { driver } = harness();
    const spec = await started();
    const copying = driver.whilePaused(spec.sessionId, () => driver.remove(spec.instanceId, 0));
    expect((await failureOf(copying)).message).toMatch(/was started or stopped/);
    expect(await driver.inspect(spec.instanceId)).toEqual({ kind: "gone" });
  });

  it("lets go on what a copy that was cut short left paused", async () => {
    const { driver } = harness();
    const spec = await started();
    let cutShort = (): void => undefined;
    const copying = driver.whilePaused(
      spec.sessionId,
      () => new Promise<void>((resolve) => (cutShort = resolve)),
    );
    await expect.poll(() => harness().isPaused(spec.instanceId)).toBe(true);
    expect(await driver.recoverCopies()).toEqual([spec.sessionId]);
    expect(await harness().isPaused(spec.instanceId)).toBe(false);
    expect(await driver.recoverCopies()).toEqual([]);
    cutShort();
    expect((await failureOf(copying)).message).toMatch(/was started or stopped/);
  });
}

type Raw = Partial<Header> & { name: string; body?: string };

async function tarOf(entries: readonly Raw[]): Promise<Readable> {
  const tar = pack();
  for (const { body = "", ...header } of entries)
    tar.entry({ type: "file", mtime: new Date("2026-01-02T03:04:05Z"), ...header }, body);
  tar.finalize();
  return Readable.from(await buffer(Readable.from(tar as AsyncIterable<Buffer>)));
}

/** A line an entry. */
async function listing(tar: Readable): Promise<string[]> {
  const lines: string[] = [];
  const entries = extract();
  const fed = pipeline(tar, entries as unknown as NodeJS.WritableStream);
  for await (const entry of entries) {
    const { name, type, mode, uid, gid, linkname } = entry.header;
    const body = (await buffer(Readable.from(entry as AsyncIterable<Buffer>))).toString();
    const bits = (mode & 0o7777).toString(8);
    lines.push(`${name.replace(/\/$/, "")} ${type} ${bits} ${uid}:${gid} ${linkname ?? ""} ${body}`);
  }
  await fed;
  return lines;
}
