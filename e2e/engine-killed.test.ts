import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Product, runTurn, sessionIs, startProduct, until } from "./harness";
import { canRunEngine, copyImage, createPrivateEngine, type PrivateEngine } from "./private-engine";
import { stopwatch, workingSessions } from "./working-session";

/** Tool calls of a turn: more than run before the engine ends. */
const CALLS = 40;
const RESUMED_WITHIN_MS = 15_000;

/** R5: an engine of the test's own, with a product and sessions on it, ends and comes back. */
describe.skipIf(!canRunEngine)("sessions whose engine", () => {
  let engine: PrivateEngine;
  let product: Product;
  let ids: { atWork: string; quiet: string };
  const { timed, print } = stopwatch();
  const bench = workingSessions(
    () => product,
    (...args) => engine.docker(...args),
  );
  beforeAll(async () => {
    engine = await createPrivateEngine();
    await engine.start({ liveRestore: true });
    await copyImage(engine, process.env.OPENAGENT_SESSION_IMAGE ?? "");
    product = await startProduct({ DOCKER_HOST: engine.host });
    const [atWork, quiet] = await Promise.all([bench.newSession(), bench.newSession()]);
    ids = { atWork, quiet };
    await runTurn(product.client, { sessionId: quiet, text: "echo kept > kept.txt", kind: "shell" });
  });
  afterAll(async () => {
    print();
    await product?.close();
    await engine?.close();
  });

  const readyStatus = async () => (await fetch(`${product.url}/readyz`)).status;
  const resume = async (id: string) => {
    await product.client.sessions.resume.mutate({ id });
    await sessionIs(product.client, id, "idle");
  };
  /** The work of a turn, in its middle. */
  const begin = async (round: string) => {
    const { promptId } = await bench.work(ids.atWork, round, CALLS);
    await bench.isAtWork(ids.atWork);
    return promptId;
  };
  const endQuietContainer = async (pid: string) => engine.inside("kill", "-9", pid);
  const pidOf = async (id: string) =>
    (await engine.docker("inspect", "-f", "{{.State.Pid}}", await bench.containerOf(id))).trim();

  it.each([
    ["is killed", "SIGKILL"],
    ["is restarted", "SIGTERM"],
  ] as const)("%s, with live-restore: they go on as if nothing were", async (how, signal) => {
    const { atWork, quiet } = ids;
    const container = await bench.containerOf(atWork);
    const pid = await pidOf(quiet);
    const promptId = await begin(`live-${signal}`);
    await engine.stop(signal);
    await endQuietContainer(pid);
    const before = await bench.lastSeqOf(atWork);
    await until(async () => (await bench.lastSeqOf(atWork)) > before, "events without an engine");
    expect(await readyStatus()).toBe(503);

    await timed(`R5 engine that ${how}: it answers again`, () => engine.start({ liveRestore: true }));
    const back = performance.now();
    await timed(`R5 → what ended meanwhile is known`, () => sessionIs(product.client, quiet, "error"));
    expect(performance.now() - back).toBeLessThan(RESUMED_WITHIN_MS);
    expect((await bench.sessionOf(quiet)).reason).toMatchObject({ code: "container_died" });
    await resume(quiet);

    expect(await bench.outcomeOf(atWork, promptId)).toBe("done");
    expect(await bench.containerOf(atWork)).toBe(container);
    await bench.expectWhole(atWork);
    expect(await readyStatus()).toBe(200);
  });

  describe("has no live-restore", () => {
    const everybodyIsStopped = async () => {
      for (const id of Object.values(ids)) {
        await sessionIs(product.client, id, "stopped");
        const { reason } = await bench.sessionOf(id);
        expect(reason).toMatchObject({ code: "container_stopped" });
        expect(reason?.message).toMatch(/Docker .* was restarted.*Resume to go on/);
      }
    };
    const resumeAll = () => Promise.all(Object.values(ids).map(resume));
    beforeAll(async () => {
      await engine.stop("SIGTERM");
      await engine.start({ liveRestore: false });
      await everybodyIsStopped();
      await resumeAll();
    });

    it.each([
      ["is killed", () => engine.stop("SIGKILL")],
      ["is restarted", () => engine.stop("SIGTERM")],
      ["loses its power", () => engine.losePower()],
    ] as const)("and %s: they are stopped, say why, and resume with every file", async (how, end) => {
      const { atWork, quiet } = ids;
      const tree = await bench.treeOf(quiet);
      const promptId = await begin(`dead-${how.split(" ").at(-1)}`);
      await end();
      await timed(`R5 engine that ${how}, no live-restore: it answers again`, () =>
        engine.start({ liveRestore: false }),
      );
      await timed(`R5 → every session is stopped`, everybodyIsStopped);
      await timed(`R5 → every session is resumed`, resumeAll);
      expect(await bench.outcomeOf(atWork, promptId)).toBe("interrupted");
      await bench.expectWhole(atWork);
      expect(await bench.treeOf(quiet)).toBe(tree);
      const { text } = await runTurn(product.client, { sessionId: atWork, text: "#script\nsay onward" });
      expect(text).toContain("onward");
    });
  });
});
