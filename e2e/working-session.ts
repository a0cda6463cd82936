/** Sessions that are in the middle of something when a fault comes, and what must hold of them after it. */
import { createHash, randomUUID } from "node:crypto";
import { expect } from "vitest";
import { faultsOfLog, storedParts } from "./agent-store";
import { docker, poll, type Product, readEvents, sessionIs, until } from "./harness";

/** @param ask the engine that the product's sessions run on */
export function workingSessions(product: () => Product, ask: typeof docker = docker) {
  const client = () => product().client;
  const sessionOf = (id: string) => client().sessions.get.query({ id });

  const newSession = async () => {
    const { id } = await client().sessions.create.mutate({ permissionMode: "auto" });
    await sessionIs(client(), id, "idle");
    return id;
  };
  const containerOf = async (id: string) =>
    (await ask("ps", "-q", "--filter", `label=openagent.session=${id}`)).trim();
  const statusOf = async (id: string) => (await sessionOf(id)).status;
  const lastSeqOf = async (id: string) => (await sessionOf(id)).lastSeq;

  /** A turn that speaks and calls tools by turns, each call under a name of its own. */
  const work = (id: string, round: string, calls: number) => {
    const lines = Array.from({ length: calls }, (_, i) => [
      `say ${Array.from({ length: 8 }, (__, word) => `${round}-${i}-${word}`).join(" ")} `,
      `tool bash {"command":"echo ${round}-${i} >> calls.txt","description":"count"}`,
    ]);
    const text = ["#script", "delay 25", ...lines.flat()].join("\n");
    return client().prompts.send.mutate({ sessionId: id, text, key: randomUUID() });
  };
  /** Until some more calls are done: then the turn is in the middle. */
  const isAtWork = async (id: string) => {
    const callsOf = async () =>
      (await readEvents(client(), id)).filter(({ type }) => type === "tool.ended").length;
    const enough = (await callsOf()) + 1 + Math.floor(Math.random() * 4);
    await until(async () => (await callsOf()) >= enough, "the middle of the turn");
  };
  const outcomeOf = (id: string, promptId: string) =>
    poll(async () => {
      for (const event of await readEvents(client(), id))
        if (event.type === "turn.ended" && event.data.promptId === promptId) return event.data.outcome;
      return undefined;
    }, "the turn's end");

  /** Nothing in the log is missing or double by the agent's own store. */
  const expectSameAsStore = async (id: string) => {
    const stored = await storedParts(await containerOf(id), ask);
    expect(faultsOfLog(await readEvents(client(), id), stored)).toEqual([]);
  };
  /** As {@link expectSameAsStore}, and each tool call ran once. */
  const expectWhole = async (id: string) => {
    await expectSameAsStore(id);
    const text = await ask("exec", await containerOf(id), "cat", "/workspace/calls.txt");
    const calls = text.trim().split("\n");
    expect(calls.length).toBeGreaterThan(0);
    expect(new Set(calls).size).toBe(calls.length);
  };
  const treeOf = async (id: string) => {
    const sums = "cd /workspace && find . -type f -exec sha256sum {} + | sort";
    const text = await ask("exec", await containerOf(id), "sh", "-c", sums);
    return createHash("sha256").update(text).digest("hex");
  };
  return {
    newSession,
    sessionOf,
    containerOf,
    statusOf,
    lastSeqOf,
    work,
    isAtWork,
    outcomeOf,
    expectSameAsStore,
    expectWhole,
    treeOf,
  };
}

/** How long things took, printed at the end. */
export function stopwatch() {
  const tookMs = new Map<string, number[]>();
  return {
    async timed<T>(what: string, work: () => Promise<T>): Promise<T> {
      const from = performance.now();
      const result = await work();
      tookMs.set(what, [...(tookMs.get(what) ?? []), performance.now() - from]);
      return result;
    },
    print() {
      for (const [what, times] of tookMs)
        console.log(`measured: ${what}: ${times.map(Math.round).join(", ")} ms`);
    },
  };
}
