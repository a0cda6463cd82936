import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OWNER, type Product, readEvents, ROOT, runTurn, sessionIs, startProduct, until } from "./harness";
import { attemptSignIn } from "./sign-in-by-hand";
import type { SessionEvent } from "../sidecar/src/contract";
import { canRunEngine, copyImage, createPrivateEngine, type PrivateEngine } from "./private-engine";
import { canMount, mountSmallDisk, type SmallDisk } from "./small-disk";
import { stopwatch, workingSessions } from "./working-session";

/** Tool calls of a turn: more than run before the disk is full. */
const CALLS = 30;
/** Room for the session image, and for its archive while that is read in. */
const ENGINE_MIB = 1400;
/** An agent that calls no tool for so long has come to rest. */
const AT_REST_MS = 5_000;

/** What SQLite itself finds wrong with the server's database. */
function integrityOf(dataDir: string): string {
  const ask = `const db = new (require("libsql"))(process.argv[1]); console.log(JSON.stringify(db.pragma("integrity_check")))`;
  return execFileSync(process.execPath, ["-e", ask, join(dataDir, "openagent.db")], { cwd: ROOT }).toString();
}

/** R6: disks that are really full, to the last block. */
describe.skipIf(!canMount)("a server whose data directory has no room", () => {
  let disk: SmallDisk;
  let product: Product;
  const { timed, print } = stopwatch();
  const bench = workingSessions(() => product);
  beforeAll(async () => {
    disk = await mountSmallDisk({ sizeMiB: 64 });
  });
  afterAll(async () => {
    print();
    await product?.close();
    await disk?.close();
  });

  it("tells what to do, reads as before, and goes on by itself once there is room", async () => {
    const dataDir = join(disk.dir, "data");
    product = await startProduct({}, { dataDir });
    const { client, url } = product;
    const id = await bench.newSession();
    const pid = product.pid();

    const { promptId } = await bench.work(id, "full", CALLS);
    await bench.isAtWork(id);
    await disk.fill();
    const send = () =>
      client.prompts.send.mutate({ sessionId: id, text: `#script\nsay ${"x".repeat(50_000)}`, key: "full" });
    // What the write-ahead log has room for is taken still.
    await until(async () => {
      const rename = client.sessions.rename.mutate({ id, title: "t".repeat(100) });
      return rename.then(
        () => false,
        () => true,
      );
    }, "a disk that is full for SQLite too");
    await expect(send()).rejects.toMatchObject({
      data: { reason: "out_of_disk", httpStatus: 503 },
      message: expect.stringContaining("Free some room") as string,
    });
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain("Free some");
    const signIn = await attemptSignIn(url, OWNER);
    expect({ status: signIn.status, body: signIn.body }).toMatchObject({
      status: 503,
      body: expect.stringContaining("out_of_disk") as string,
    });

    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/sign-in`)).status).toBe(200);
    expect((await client.sessions.timeline.query({ id })).messages.length).toBeGreaterThan(0);
    expect((await readEvents(client, id)).length).toBeGreaterThan(0);
    expect(integrityOf(dataDir)).toContain('"ok"');

    await disk.free();
    await timed("R6 server's disk: writes again after there is room", () =>
      until(async () => {
        return send().then(
          () => true,
          () => false,
        );
      }, "a write"),
    );
    await timed("R6 server's disk: the turn that ran meanwhile is told to its end", () =>
      bench.outcomeOf(id, promptId),
    );
    expect(await bench.outcomeOf(id, promptId)).toBe("done");
    // The end of a turn ends what else runs in the container, also what looks into the agent's store.
    expect(await bench.outcomeOf(id, (await send()).promptId)).toBe("done");
    await bench.expectWhole(id);
    expect(integrityOf(dataDir)).toContain('"ok"');
    expect(product.pid()).toBe(pid);
    await until(async () => (await fetch(`${url}/readyz`)).status === 200, "ready again");
  });
});

describe.skipIf(!canRunEngine)("sessions whose files have no room", () => {
  const disks: SmallDisk[] = [];
  let engine: PrivateEngine;
  let product: Product;
  const { timed, print } = stopwatch();
  const bench = workingSessions(
    () => product,
    (...args) => engine.docker(...args),
  );
  beforeAll(async () => {
    engine = await createPrivateEngine({ sizeMiB: ENGINE_MIB });
    await engine.start({ liveRestore: false });
    await copyImage(engine, process.env.OPENAGENT_SESSION_IMAGE ?? "");
    product = await startProduct({ DOCKER_HOST: engine.host });
  });
  afterAll(async () => {
    print();
    await product?.close();
    for (const disk of disks) await disk.close();
    await engine?.close();
  });

  /** A session that stands on small disks of its own. */
  const cramped = async () => {
    const id = await bench.newSession();
    await product.client.sessions.stop.mutate({ id });
    const [files, state] = await Promise.all(
      ["workspace", "state"].map(async (kind) => {
        const data = `${engine.dataRoot}/volumes/${product.instance}-${id}-${kind}/_data`;
        const disk = await mountSmallDisk({ sizeMiB: 64, inside: engine.inside });
        disks.push(disk);
        // Owner and mode of the directory itself too.
        await engine.inside("cp", "-aT", data, disk.dir);
        await engine.inside("mount", "--bind", disk.dir, data);
        return disk;
      }),
    );
    await resume(id);
    return { id, files: files as SmallDisk, state: state as SmallDisk };
  };
  const resume = async (id: string) => {
    await product.client.sessions.resume.mutate({ id });
    await sessionIs(product.client, id, "idle");
  };
  const run = (id: string, ...lines: string[]) =>
    runTurn(product.client, { sessionId: id, text: ["#script", ...lines].join("\n") });
  /** Until the agent calls no tool any more. */
  const isAtRest = async (id: string) => {
    const container = await bench.containerOf(id);
    let seen = { calls: "", atMs: 0 };
    await until(async () => {
      const calls = await engine.docker("exec", container, "cat", "/workspace/calls.txt");
      if (calls !== seen.calls) seen = { calls, atMs: performance.now() };
      return performance.now() - seen.atMs > AT_REST_MS;
    }, "an agent at rest");
  };

  it("tell it where the disk is one session's; others go on, and so does that one once there is room", async () => {
    const [{ id, files, state }, other] = await Promise.all([cramped(), bench.newSession()]);
    const write =
      'tool bash {"command":"head -c 100000 /dev/zero > big && echo written","description":"write"}';
    await files.fill();
    const refused = await run(id, write, "say onward");
    expect(outputOf(refused.events)).toContain("No space left on device");
    expect(refused).toMatchObject({ outcome: "done", text: "onward" });
    await files.free();
    expect(outputOf((await run(id, write)).events)).toContain("written");

    const { promptId } = await bench.work(id, "state", CALLS);
    await bench.isAtWork(id);
    await state.fill();
    expect(await run(other, "say untouched")).toMatchObject({ outcome: "done", text: "untouched" });
    await isAtRest(id);
    await state.free();
    await timed("R6 session's disk: its turn is told to its end after there is room", () =>
      bench.outcomeOf(id, promptId),
    );
    const end = (await readEvents(product.client, id)).find(
      (event) => event.type === "turn.ended" && event.data.promptId === promptId,
    );
    // What the agent's own store had room for is done; where it had none, the turn says why.
    const { outcome, error } = end?.type === "turn.ended" ? end.data : {};
    expect([outcome, error?.code]).toBeOneOf([
      ["done", undefined],
      ["error", "spool"],
    ]);
    expect((await run(id, "say goes on")).text).toBe("goes on");
    await bench.expectSameAsStore(id);
  });

  it("say so where the disk is the engine's, and start once there is room", async () => {
    const ballast = `${engine.dataRoot}/ballast`;
    await engine.inside("sh", "-c", 'cat /dev/zero > "$0"; true', ballast);
    const { id } = await product.client.sessions.create.mutate({});
    await sessionIs(product.client, id, "error");
    expect((await bench.sessionOf(id)).reason).toMatchObject({
      code: "out_of_disk",
      message: expect.stringContaining("Free some space") as string,
    });
    await engine.inside("rm", ballast);
    await timed("R6 engine's disk: a session starts after there is room", () => resume(id));
    expect((await run(id, "say here")).text).toBe("here");
  });
});

function outputOf(events: SessionEvent[]): string {
  return events.map((event) => (event.type === "tool.output" ? event.data.suffix : "")).join("");
}
