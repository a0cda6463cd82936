import { appendFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { delta, megabytes, readSpool, type SpoolDir, spoolDir, started } from "./spool.testing";

let own: SpoolDir;
let dir: string;
const openSpool = () => own.open();
beforeEach(async () => {
  own = await spoolDir();
  dir = own.dir;
});
afterEach(() => own.remove());

describe("a spool whose file is large", () => {
  it("empties a large file that the server holds, and goes on numbering", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    for (let i = 0; i < 300; i += 1) spool.append([delta("x".repeat(32_000))]);
    await spool.flush();
    await spool.ack({ epoch: 1, n: 300 });
    await spool.flush();
    expect((await stat(join(dir, "1.ndjson"))).size).toBe(0);
    spool.append([delta("after")]);
    expect((await readSpool(spool, { epoch: 1, n: 300 }, 1)).map((event) => event.n)).toEqual([301]);
    // A reader that is far behind what the server holds gets what is left, and does not spin.
    expect((await readSpool(spool, { epoch: 1, n: 5 }, 1)).at(-1)?.n).toBeGreaterThan(5);
  });

  it("drops from a large file what the server holds in the middle of a turn, and knows still what is open", async () => {
    const first = await openSpool();
    await first.openEpoch(1, null);
    first.append([
      started("trn_1", "prm_1"),
      { type: "message.started", data: { messageId: "m", role: "assistant", turnId: "trn_1" } },
      { type: "part.started", data: { messageId: "m", partId: "p", kind: "text" } },
      { type: "part.started", data: { messageId: "m", partId: "q", kind: "tool", tool: "bash" } },
    ]);
    await megabytes(first, 12);
    await first.ack({ epoch: 1, n: 380 });
    const growing = readSpool(first, { epoch: 1, n: 380 }, 20);
    first.append(Array.from({ length: 12 }, (_, i) => delta(`behind ${i}`)));
    expect((await growing).map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, i) => 381 + i));
    await first.flush();
    expect((await stat(join(dir, "1.ndjson"))).size).toBeLessThan(2 * 1024 * 1024);
    await first.close();
    const second = await openSpool();
    expect(second.turnOf("prm_1")).toBe("trn_1");
    const nowMs = Date.now();
    const closers = second.state.closers("interrupted", nowMs);
    expect(closers.map(({ type }) => type)).toEqual(["part.ended", "tool.ended", "message.ended"]);
    expect(closers).toEqual(first.state.closers("interrupted", nowMs));
    await second.openEpoch(2, { epoch: 1, n: 390 });
    second.append([delta("of the new one")]);
    const rest = await readSpool(second, { epoch: 1, n: 390 }, 11);
    expect(rest.map(({ epoch, n }) => `${epoch}/${n}`)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `1/${391 + i}`),
      "2/1",
    ]);
    await second.ack({ epoch: 1, n: 400 });
    expect(await readdir(dir)).toEqual(["2.ndjson"]);
  });

  it("keeps a large file of which the server holds too little to be worth a copy", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    await megabytes(spool, 20);
    const { size } = await stat(join(dir, "1.ndjson"));
    await spool.ack({ epoch: 1, n: 290 });
    await spool.flush();
    expect((await stat(join(dir, "1.ndjson"))).size).toBe(size);
  });

  it("goes on with the old file when a compaction fails or a crash leaves one half made", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    await megabytes(spool, 12);
    // A directory in its place.
    await mkdir(join(dir, "1.ndjson.new"));
    await spool.ack({ epoch: 1, n: 380 });
    spool.append([delta("after")]);
    expect((await readSpool(spool, { epoch: 1, n: 380 }, 5)).map(({ n }) => n)).toEqual([
      381, 382, 383, 384, 385,
    ]);
    await spool.close();
    await rm(join(dir, "1.ndjson.new"), { recursive: true });
    await appendFile(join(dir, "1.ndjson.new"), "half");
    const second = await openSpool();
    await second.openEpoch(2, { epoch: 1, n: 0 });
    expect(await readdir(dir)).toEqual(["1.ndjson", "2.ndjson"]);
  });
});
