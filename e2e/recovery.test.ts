import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf, docker, type Product, runTurn, sessionIs, startProduct, until } from "./harness";
import { stopwatch, workingSessions } from "./working-session";

/** Of each kind; `docs/reliability.md` has the figures of a longer run. */
const KILLS = Number(process.env.OPENAGENT_TEST_KILLS ?? 3);
/** Tool calls of a turn: more than run before the kill. */
const CALLS = 60;
/** Of each of several turns in line: one is over, and the next waits, when the server was away for long. */
const CALLS_OF_MANY = 20;

/** R1 to R4: whatever dies in the middle of a turn, nothing is lost, nothing comes twice and no tool call runs twice. */
describe("a session in which something dies", () => {
  let product: Product;
  const { timed, print } = stopwatch();
  beforeAll(async () => {
    product = await startProduct();
  });
  afterAll(async () => {
    print();
    await product?.close();
  });

  const {
    newSession,
    containerOf,
    statusOf,
    lastSeqOf,
    isAtWork,
    outcomeOf,
    expectWhole,
    treeOf,
    ...sessions
  } = workingSessions(() => product);
  const work = (id: string, round: string, calls = CALLS) => sessions.work(id, round, calls);

  it("R1: the server, killed again and again, goes on with every stream where it was", async () => {
    const ids = [await newSession(), await newSession()];
    // A turn for each kill: those that wait in line survive them as well.
    const rounds = Array.from({ length: KILLS }, (_, round) => `r1-${round}`);
    const prompts = new Map<string, string[]>();
    for (const id of ids) {
      const sent: string[] = [];
      for (const round of rounds) sent.push((await work(id, round, CALLS_OF_MANY)).promptId);
      prompts.set(id, sent);
    }
    const containers = await containersOf(product.instance);
    for (let kill = 0; kill < KILLS; kill += 1) {
      await isAtWork(ids[kill % 2] ?? "");
      await product.stop("SIGKILL");
      const before = await timed("R1 server healthy", async () => {
        await product.start();
        return lastSeqOf(ids[0] ?? "");
      });
      await timed("R1 streams again", () =>
        until(async () => (await lastSeqOf(ids[0] ?? "")) > before, "the stream to go on"),
      );
    }
    expect(await containersOf(product.instance)).toEqual(containers);
    for (const [id, sent] of prompts) {
      for (const promptId of sent) expect(await outcomeOf(id, promptId)).toBe("done");
      await expectWhole(id);
      await product.client.sessions.remove.mutate({ id });
    }
  });

  it("R2: the sidecar, and its container with it, is replaced by itself, and the turn says that it was interrupted", async () => {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const id = await newSession();
      const { promptId } = await work(id, "r2");
      await isAtWork(id);
      const before = await containerOf(id);
      await docker("exec", "-u", "900", before, "pkill", "-9", "-f", "sidecar/main.mjs");
      await timed("R2 new container ready", async () => {
        expect(await outcomeOf(id, promptId)).toBe("interrupted");
        await until(async () => (await statusOf(id)) === "idle", "the new container");
      });
      expect(await containerOf(id)).not.toBe(before);
      await expectWhole(id);
      expect((await runTurn(product.client, { sessionId: id, text: "#script\nsay onward" })).text).toContain(
        "onward",
      );
      await product.client.sessions.remove.mutate({ id });
    }
  });

  it("R3: the agent is started again, the turn is interrupted once, and the next one runs", async () => {
    const id = await newSession();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { promptId } = await work(id, `r3-${kill}`);
      await isAtWork(id);
      await docker("exec", "-u", "1000", await containerOf(id), "pkill", "-9", "-x", "opencode");
      expect(await timed("R3 turn interrupted", () => outcomeOf(id, promptId))).toBe("interrupted");
      await timed("R3 next turn done", async () => {
        const { text } = await runTurn(product.client, {
          sessionId: id,
          text: `#script\nsay onward ${kill}`,
        });
        expect(text).toContain(`onward ${kill}`);
      });
      await expectWhole(id);
    }
    await product.client.sessions.remove.mutate({ id });
  });

  it("R4: a container killed from outside says why, and resumes with every file as it was", async () => {
    const id = await newSession();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { promptId } = await work(id, `r4-${kill}`);
      await isAtWork(id);
      await product.client.prompts.abort.mutate({ sessionId: id });
      await outcomeOf(id, promptId);
      const tree = await treeOf(id);
      await timed("R4 reason known", async () => {
        await docker("kill", "-s", "KILL", await containerOf(id));
        await sessionIs(product.client, id, "error");
      });
      const { reason } = await product.client.sessions.get.query({ id });
      expect(reason).toMatchObject({ code: "container_died" });
      expect(reason?.message).toContain("killed from outside");
      await timed("R4 resumed", async () => {
        await product.client.sessions.resume.mutate({ id });
        await sessionIs(product.client, id, "idle");
      });
      expect(await treeOf(id)).toBe(tree);
      await expectWhole(id);
    }
    await product.client.sessions.remove.mutate({ id });
  });
});
