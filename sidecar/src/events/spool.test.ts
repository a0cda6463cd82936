import { appendFile, type FileHandle, open, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLog } from "../log";
import { delta, ended, megabytes, part, readSpool, type SpoolDir, spoolDir, started } from "./spool.testing";

let own: SpoolDir;
let dir: string;
const openSpool = () => own.open();
beforeEach(async () => {
  own = await spoolDir();
  dir = own.dir;
});
afterEach(async () => {
  vi.restoreAllMocks();
  await own.remove();
});

describe("spool", () => {
  it("numbers events from 1 and gives them to readers, late and live", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    spool.append([started("t", "p"), delta("a")]);
    const live = readSpool(spool, { epoch: 1, n: 1 }, 2);
    spool.append([delta("b")]);
    expect((await live).map((event) => [event.epoch, event.n])).toEqual([
      [1, 2],
      [1, 3],
    ]);
    expect((await readSpool(spool, { epoch: 1, n: 0 }, 3)).map((event) => event.type)).toEqual([
      "turn.started",
      "part.delta",
      "part.delta",
    ]);
  });

  it("drops an event that does not fit the contract, says which, and numbers the rest without a gap", async () => {
    const lines: string[] = [];
    const spool = await own.open({ log: createLog((line) => lines.push(line)) });
    await spool.openEpoch(1, null);
    spool.append([
      started("t", "p"),
      { type: "child.started", data: { childId: "x".repeat(200), title: "a secret" } },
      { type: "tool.ended", data: { ...part, tool: "bash", status: "error", title: "", durationMs: NaN } },
      delta("a"),
    ]);
    const events = await readSpool(spool, { epoch: 1, n: 0 }, 2);
    expect(events.map(({ n, type }) => [n, type])).toEqual([
      [1, "turn.started"],
      [2, "part.delta"],
    ]);
    const told = lines.join("");
    expect(told).toContain('"type":"child.started","error":"childId: too_big"');
    expect(told).toContain('"type":"tool.ended","error":"durationMs: invalid_type"');
    expect(told).not.toContain("a secret");
  });

  it("says that too much waits for a disk that takes nothing, and writes it all when it can", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    const handle = await open(join(dir, "any"), "w");
    const write = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, "write");
    await handle.close();
    write.mockRejectedValue(new Error("ENOSPC"));
    const text = delta("x".repeat(200_000));
    spool.append(Array.from({ length: 80 }, () => text));
    await expect.poll(() => spool.problem).toBe("ENOSPC");
    expect([spool.overfull, spool.noRoom]).toEqual([false, "ENOSPC"]);
    spool.append(Array.from({ length: 5 }, () => text));
    expect(spool.overfull).toBe(true);
    vi.restoreAllMocks();
    await spool.flush();
    expect([spool.problem, spool.overfull, spool.noRoom]).toEqual([null, false, null]);
    expect((await readSpool(spool, { epoch: 1, n: 0 }, 85)).at(-1)?.n).toBe(85);
  });

  it("has an event in its file before a reader gets it", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    const live = readSpool(spool, { epoch: 1, n: 0 }, 1);
    spool.append([delta("only once")]);
    await live;
    expect(await readFile(join(dir, "1.ndjson"), "utf8")).toContain("only once");
  });

  it("keeps its files from others", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    expect((await stat(join(dir, "1.ndjson"))).mode & 0o777).toBe(0o600);
  });

  it("goes on over epochs, from any position", async () => {
    const first = await openSpool();
    await first.openEpoch(1, null);
    first.append([delta("1"), delta("2")]);
    await first.close();
    const second = await openSpool();
    await second.openEpoch(5, null);
    second.append([delta("3")]);
    const all = await readSpool(second, { epoch: 1, n: 0 }, 3);
    expect(all.map((event) => [event.epoch, event.n])).toEqual([
      [1, 1],
      [1, 2],
      [5, 1],
    ]);
    expect((await readSpool(second, { epoch: 1, n: 1 }, 2)).map((event) => event.n)).toEqual([2, 1]);
    expect((await readSpool(second, { epoch: 3, n: 9 }, 1)).map((event) => event.epoch)).toEqual([5]);
  });

  it("reads far more than it keeps in memory", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    for (let i = 0; i < 100; i += 1)
      spool.append(Array.from({ length: 100 }, (_, j) => delta(`${i}/${j} ${"x".repeat(100)}`)));
    const events = await readSpool(spool, { epoch: 1, n: 0 }, 10_000);
    expect(events.map((event) => event.n)).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
    expect((await readSpool(spool, { epoch: 1, n: 9_990 }, 10)).length).toBe(10);
  });

  it("cuts a torn last line and goes on", async () => {
    const first = await openSpool();
    await first.openEpoch(1, null);
    first.append([delta("whole"), delta("torn")]);
    await first.close();
    const path = join(dir, "1.ndjson");
    await truncate(path, (await stat(path)).size - 5);
    const second = await openSpool();
    await second.openEpoch(2, null);
    second.append([delta("next")]);
    const events = await readSpool(second, { epoch: 1, n: 0 }, 2);
    expect(events.map((event) => [event.epoch, event.n])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect((await readFile(path, "utf8")).endsWith("\n")).toBe(true);
  });

  it("opens with a file that holds half a line and nothing else", async () => {
    await appendFile(join(dir, "1.ndjson"), '{"epoch":1,"n":1,"at"');
    const spool = await openSpool();
    await spool.openEpoch(2, null);
    spool.append([delta("a")]);
    expect((await readSpool(spool, { epoch: 1, n: 0 }, 1)).map((event) => event.epoch)).toEqual([2]);
  });

  it("refuses an epoch that is not newer", async () => {
    const spool = await openSpool();
    await spool.openEpoch(3, null);
    await spool.close();
    const again = await openSpool();
    await expect(again.openEpoch(3, null)).rejects.toMatchObject({ code: "bad_request" });
    await expect(again.openEpoch(2, null)).rejects.toMatchObject({ code: "bad_request" });
    await again.openEpoch(4, null);
  });

  it("refuses a position after its last event", async () => {
    const spool = await openSpool();
    await spool.openEpoch(2, null);
    spool.append([delta("a")]);
    expect(() => spool.assertReached({ epoch: 2, n: 1 })).not.toThrow();
    expect(() => spool.assertReached({ epoch: 2, n: 2 })).toThrow(/after the last event/);
    expect(() => spool.assertReached({ epoch: 3, n: 0 })).toThrow(/after the last event/);
  });

  it("drops older epochs that the server holds wholly, and no other", async () => {
    for (const epoch of [1, 2]) {
      const spool = await openSpool();
      await spool.openEpoch(epoch, null);
      spool.append([delta("a"), delta("b")]);
      await spool.close();
    }
    const spool = await openSpool();
    await spool.openEpoch(3, { epoch: 2, n: 1 });
    expect(await readdir(dir)).toEqual(["2.ndjson", "3.ndjson"]);
    await spool.ack({ epoch: 2, n: 2 });
    expect(await readdir(dir)).toEqual(["3.ndjson"]);
  });

  it("says that the server left it alone for too long, over epochs, until the server has taken what there is", async () => {
    const options = { maxBytes: 1024 * 1024 };
    const first = await own.open(options);
    await first.openEpoch(1, null);
    await megabytes(first, 1);
    expect([first.isLeft, first.overfull, first.problem]).toEqual([true, true, null]);
    await first.close();
    const second = await own.open(options);
    await second.openEpoch(2, { epoch: 1, n: 31 });
    expect(second.isLeft).toBe(true);
    await second.ack({ epoch: 1, n: 32 });
    expect([second.isLeft, second.overfull]).toEqual([false, false]);
  });

  it("tells nobody of a turn's start or end that is not on disk", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    const handle = await open(join(dir, "any"), "w");
    const sync = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, "datasync");
    await handle.close();
    sync.mockRejectedValue(new Error("EIO"));
    const got: string[] = [];
    const reading = readSpool(spool, { epoch: 1, n: 0 }, 2).then((events) =>
      got.push(...events.map((e) => e.type)),
    );
    spool.append([started("t", "p"), ended("t", "p")]);
    await expect.poll(() => spool.problem).toBe("EIO");
    expect(got).toEqual([]);
    sync.mockRestore();
    await reading;
    expect(got).toEqual(["turn.started", "turn.ended"]);
  });

  it("tells its reader when nothing comes, and ends with the signal", async () => {
    const spool = await openSpool();
    await spool.openEpoch(1, null);
    const abort = new AbortController();
    const seen: unknown[] = [];
    for await (const batch of spool.readAfter({ epoch: 1, n: 0 }, abort.signal, 5)) {
      seen.push(batch);
      if (seen.length === 2) abort.abort();
    }
    expect(seen).toEqual([null, null]);
  });

  it("remembers the turns of prompts over a restart", async () => {
    const first = await openSpool();
    await first.openEpoch(1, null);
    first.append([started("trn_1", "prm_1"), ended("trn_1", "prm_1")]);
    await first.close();
    const second = await openSpool();
    expect(second.turnOf("prm_1")).toBe("trn_1");
    expect(second.turnOf("prm_2")).toBeNull();
    expect(second.state.turn).toBeNull();
  });

  it("knows what an interrupted turn left open, and closes it", async () => {
    const first = await openSpool();
    await first.openEpoch(1, null);
    first.append([
      started("trn_1", "prm_1"),
      { type: "message.started", data: { messageId: "m", role: "assistant", turnId: "trn_1" } },
      { type: "part.started", data: { messageId: "m", partId: "p", kind: "text" } },
      delta("half"),
      { type: "part.started", data: { messageId: "m", partId: "q", kind: "tool", tool: "bash" } },
      {
        type: "request.opened",
        data: { requestId: "req_per_1", kind: "permission", title: "t", detail: "" },
      },
      { type: "child.started", data: { childId: "c", title: "sub" } },
    ]);
    await first.close();
    const second = await openSpool();
    expect(second.state.turn).toEqual({ turnId: "trn_1", promptId: "prm_1" });
    const closers = second.state.closers("interrupted", Date.now());
    expect(closers.map((event) => event.type)).toEqual([
      "part.ended",
      "tool.ended",
      "request.closed",
      "message.ended",
      "child.ended",
    ]);
    expect(closers[1]).toMatchObject({
      data: { status: "error", tool: "bash", error: expect.stringContaining("Interrupted") as string },
    });
    await second.openEpoch(2, null);
    second.append([
      ...closers,
      { type: "turn.ended", data: { turnId: "trn_1", promptId: "prm_1", outcome: "interrupted" } },
    ]);
    expect(second.state.hasOpenItems).toBe(false);
    expect(second.state.turn).toBeNull();
  });

  it("knows an open turn over two restarts in a row, though the server holds its events and their file is gone", async () => {
    const first = await openSpool();
    await first.openEpoch(1, null);
    const text = "x".repeat(40_000);
    first.append([
      started("trn_1", "prm_1"),
      { type: "message.started", data: { messageId: "m", role: "assistant", turnId: "trn_1" } },
      { type: "part.started", data: { messageId: "m", partId: "p", kind: "text", text: "said: " } },
      delta(text),
      { type: "part.started", data: { messageId: "m", partId: "q", kind: "tool", tool: "bash" } },
      { type: "tool.input", data: { messageId: "m", partId: "q", tool: "bash", input: { command: "ls" } } },
      { type: "tool.output", data: { messageId: "m", partId: "q", suffix: "a\nb\n" } },
      { type: "part.started", data: { messageId: "m", partId: "r", kind: "text" } },
      { type: "part.ended", data: { messageId: "m", partId: "r" } },
    ]);
    await first.close();
    const told = first.state.told();
    expect(told?.parts.map((part) => part.text)).toEqual([`said: ${text}`, "a\nb\n", ""]);
    const second = await openSpool();
    await second.openEpoch(2, { epoch: 1, n: 9 });
    expect(await readdir(dir)).toEqual(["2.ndjson"]);
    await second.close();
    const third = await openSpool();
    expect(third.state.told()).toEqual(told);
    expect(third.turnOf("prm_1")).toBe("trn_1");
    await third.openEpoch(3, { epoch: 1, n: 9 });
    third.append([...third.state.closers("interrupted", 0), ended("trn_1", "prm_1")]);
    const rest = await readSpool(third, { epoch: 1, n: 9 }, 4);
    expect(rest.map(({ epoch, n, type }) => `${epoch}/${n} ${type}`)).toEqual([
      "3/1 part.ended",
      "3/2 tool.ended",
      "3/3 message.ended",
      "3/4 turn.ended",
    ]);
    await third.close();
    const fourth = await openSpool();
    expect(fourth.state.told()).toBeNull();
    expect(fourth.state.openers(0)).toEqual([]);
  });

  it("keeps the older files when the disk does not take what they left open", async () => {
    const first = await openSpool();
    await first.openEpoch(1, null);
    first.append([started("trn_1", "prm_1")]);
    await first.close();
    const second = await openSpool();
    const handle = await open(join(dir, "any"), "w");
    const write = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, "write");
    await handle.close();
    write.mockRejectedValue(new Error("ENOSPC"));
    await second.openEpoch(2, { epoch: 1, n: 1 });
    vi.restoreAllMocks();
    await rm(join(dir, "any"));
    expect(await readdir(dir)).toEqual(["1.ndjson", "2.ndjson"]);
    second.append([delta("after")]);
    expect((await readSpool(second, { epoch: 1, n: 1 }, 1)).map(({ epoch, n }) => [epoch, n])).toEqual([
      [2, 1],
    ]);
  });
});
