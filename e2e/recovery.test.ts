import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faultsOfLog, storedParts } from "./agent-store";
import {
  containersOf,
  docker,
  poll,
  type Product,
  readEvents,
  runTurn,
  sessionIs,
  startProduct,
  until,
} from "./harness";

/** Of each kind; `docs/reliability.md` has the figures of a longer run. */
const KILLS = Number(process.env.OPENAGENT_TEST_KILLS ?? 3);
/** Tool calls of a turn: more than run before the kill. */
const CALLS = 60;
/** Of each of several turns in line: one is over, and the next waits, when the server was away for long. */
const CALLS_OF_MANY = 20;

/** R1 to R4: whatever dies in the middle of a turn, nothing is lost, nothing comes twice and no tool call runs twice. */
describe("a session in which something dies", () => {
  let product: Product;
  const tookMs = new Map<string, number[]>();
  beforeAll(async () => {
    product = await startProduct();
  });
  afterAll(async () => {
    for (const [what, times] of tookMs)
      console.log(`measured: ${what}: ${times.map(Math.round).join(", ")} ms`);
    await product?.close();
  });

  async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await work();
    tookMs.set(what, [...(tookMs.get(what) ?? []), performance.now() - from]);
    return result;
  }
  const newSession = async () => {
    const { id } = await product.client.sessions.create.mutate({ permissionMode: "auto" });
    await sessionIs(product.client, id, "idle");
    return id;
  };
  const containerOf = async (id: string) => {
    const found = await docker("ps", "-q", "--filter", `label=openagent.session=${id}`);
    return found.trim();
  };
  const statusOf = async (id: string) => (await product.client.sessions.get.query({ id })).status;
  const lastSeqOf = async (id: string) => (await product.client.sessions.get.query({ id })).lastSeq;

  /** A turn that speaks and calls tools by turns, each call under a name of its own. */
  const work = (id: string, round: string, calls = CALLS) => {
    const lines = Array.from({ length: calls }, (_, i) => [
      `say ${Array.from({ length: 8 }, (__, word) => `${round}-${i}-${word}`).join(" ")} `,
      `tool bash {"command":"echo ${round}-${i} >> calls.txt","description":"count"}`,
    ]);
    const text = ["#script", "delay 25", ...lines.flat()].join("\n");
    return product.client.prompts.send.mutate({ sessionId: id, text, key: randomUUID() });
  };
  /** Until some more calls are done: then the turn is in the middle. */
  const isAtWork = async (id: string) => {
    const callsOf = async () =>
      (await readEvents(product.client, id)).filter(({ type }) => type === "tool.ended").length;
    const enough = (await callsOf()) + 1 + Math.floor(Math.random() * 4);
    await until(async () => (await callsOf()) >= enough, "the middle of the turn");
  };
  const outcomeOf = (id: string, promptId: string) =>
    poll(async () => {
      for (const event of await readEvents(product.client, id))
        if (event.type === "turn.ended" && event.data.promptId === promptId) return event.data.outcome;
      return undefined;
    }, "the turn's end");

  /** Nothing in the log is missing or double by the agent's own store, and each tool call ran once. */
  async function expectWhole(id: string): Promise<void> {
    const container = await containerOf(id);
    expect(faultsOfLog(await readEvents(product.client, id), await storedParts(container))).toEqual([]);
    const calls = (await docker("exec", container, "cat", "/workspace/calls.txt")).trim().split("\n");
    expect(calls.length).toBeGreaterThan(0);
    expect(new Set(calls).size).toBe(calls.length);
  }
  const treeOf = async (id: string) => {
    const tar = await docker(
      "exec",
      await containerOf(id),
      "sh",
      "-c",
      "cd /workspace && find . -type f -exec sha256sum {} + | sort",
    );
    return createHash("sha256").update(tar).digest("hex");
  };

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
