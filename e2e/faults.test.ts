import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeProgram } from "../scripts/lib/environment.mjs";
import type { SessionEvent } from "../sidecar/src/contract";
import { followEvents } from "../src/client/index";
import {
  containersOf,
  docker,
  eventsUntil,
  eventsUntilTurnEnds,
  type Product,
  readEvents,
  ROOT,
  runTurn,
  sessionIs,
  spokenText,
  startProduct,
} from "./harness";

describe("faults", () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct();
  });
  afterAll(async () => product?.close());

  const newSession = async (permissionMode: "ask" | "auto" = "auto") => {
    const { id } = await product.client.sessions.create.mutate({ permissionMode });
    await sessionIs(product.client, id, "idle");
    return id;
  };
  const remove = (id: string) => product.client.sessions.remove.mutate({ id });

  it("says that a container was killed from outside, why, and resumes with its files", async () => {
    const id = await newSession();
    await runTurn(product.client, { sessionId: id, text: "echo kept > kept.txt", kind: "shell" });
    const [container] = await containersOf(product.instance);
    await docker("kill", container ?? "");
    await sessionIs(product.client, id, "error");
    const session = await product.client.sessions.get.query({ id });
    expect(session.reason).toMatchObject({
      code: "container_died",
      message: expect.stringContaining("Resume") as string,
    });
    await product.client.sessions.resume.mutate({ id });
    await sessionIs(product.client, id, "idle");
    const files = await runTurn(product.client, { sessionId: id, text: "cat kept.txt", kind: "shell" });
    expect(outputOf(files.events)).toContain("kept");
    await remove(id);
  });

  it("loses and repeats nothing when the server is killed in the middle of a stream", async () => {
    const id = await newSession();
    // More than the test's own time limit lets it say: wherever a kill falls, it falls into the stream.
    const words = Array.from({ length: 10_000 }, (_, i) => `w${i}`);
    const text = `#script\ndelay 40\nsay ${words.join(" ")}`;
    const { promptId } = await product.client.prompts.send.mutate({ sessionId: id, text, key: randomUUID() });
    let heard = 0;
    for (let kills = 0; kills < 2; kills += 1) {
      heard = await hearsMoreThan(heard, id);
      const [container] = await containersOf(product.instance);
      await product.stop("SIGKILL");
      await product.start();
      expect(await containersOf(product.instance)).toEqual([container]);
    }
    heard = await hearsMoreThan(heard, id);
    expect(await product.client.prompts.abort.mutate({ sessionId: id })).toMatchObject({ aborted: true });
    const events = await untilTurnEnds(id, promptId);
    expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1));
    const spoken = wordsOf(events);
    expect(spoken.length).toBeGreaterThanOrEqual(heard);
    expect(spoken).toEqual(words.slice(0, spoken.length));
    expect(events.filter((e) => e.type === "turn.started")).toHaveLength(1);
    expect(outcomesOf(events)).toEqual(["aborted"]);
    await remove(id);
  });

  it("ends by itself on SIGTERM with a stream open, leaves the session running, and goes on with it", async () => {
    const id = await newSession();
    const follow = new AbortController();
    const stream = followEvents(product.client, { sessionId: id, afterSeq: 0, signal: follow.signal });
    // With its first event the stream is open.
    expect((await stream.next()).value).toMatchObject({ seq: 1 });
    // Had the stream held it up, it would have given up with 1.
    expect(await product.stop()).toBe(0);
    expect(await containersOf(product.instance)).toHaveLength(1);
    follow.abort();
    await stream.return();
    await product.start();
    expect((await product.client.sessions.get.query({ id })).status).toBe("idle");
    expect((await runTurn(product.client, { sessionId: id, text: "#script\nsay onward" })).text).toContain(
      "onward",
    );
    await remove(id);
  });

  it("refuses a second server on the same data directory with a sentence", async () => {
    const second = spawn(nodeProgram(), ["dist/server/main.mjs"], {
      cwd: ROOT,
      env: {
        ...process.env,
        NODE_ENV: "production",
        PORT: new URL(product.url).port,
        OPENAGENT_DATA_DIR: product.dataDir,
        OPENAGENT_INSTANCE: product.instance,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    second.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    second.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise((resolve) => second.once("close", resolve));
    expect(code).not.toBe(0);
    expect(output).toContain("Another OpenAgent server uses");
  });

  it("tells a provider's refusal, throttling and broken stream apart, with what to do", async () => {
    const id = await newSession();
    const refused = await runTurn(product.client, { sessionId: id, text: "#script\nfail 401" });
    expect(errorOf(refused.events)).toMatchObject({
      code: "provider_auth",
      message: expect.stringMatching(/key/i) as string,
    });
    expect(refused.outcome).toBe("error");
    const again = await runTurn(product.client, { sessionId: id, text: "#script\nsay recovered" });
    expect(again.text).toContain("recovered");

    for (const [failure, code] of [
      ["500", "provider_unavailable"],
      ["429", "provider_rate_limited"],
      ["cut", "provider_cut"],
    ] as const) {
      const { lastSeq } = await product.client.sessions.get.query({ id });
      const text = `#script\nfail ${failure}`;
      const { promptId } = await product.client.prompts.send.mutate({
        sessionId: id,
        text,
        key: randomUUID(),
      });
      const isRetry = (e: SessionEvent) => e.type === "retry.scheduled" && e.seq > lastSeq;
      const events = await eventsUntil(product.client, {
        sessionId: id,
        what: `the retry after ${failure}`,
        isThere: (heard) => heard.some(isRetry),
      });
      expect(events.find(isRetry)?.data).toMatchObject({
        code,
        message: expect.stringMatching(/tries again by itself at .+ stop the turn and .+\.$/) as string,
      });
      expect(await product.client.prompts.abort.mutate({ sessionId: id })).toMatchObject({ aborted: true });
      expect(outcomesOf(await untilTurnEnds(id, promptId)).at(-1)).toBe("aborted");
    }
    await remove(id);
  });

  it("refuses an empty prompt, takes one of 1 MiB, refuses more", async () => {
    const id = await newSession();
    const send = (text: string) =>
      product.client.prompts.send.mutate({ sessionId: id, text, key: randomUUID() });
    await expect(send("   ")).rejects.toMatchObject({
      data: { code: "BAD_REQUEST" },
      message: expect.stringContaining("empty") as string,
    });
    await expect(send("x".repeat(1024 * 1024 + 1))).rejects.toMatchObject({
      message: expect.stringContaining("1 MiB") as string,
    });
    // What it says stands behind all the rest.
    const [first, last] = ["#script\n", "\nsay got it"];
    const large = `${first}${" ".repeat(1024 * 1024 - first.length - last.length)}${last}`;
    const { text, outcome } = await runTurn(product.client, { sessionId: id, text: large });
    expect(outcome).toBe("done");
    // What follows it is about a conversation that is longer than the model reads.
    expect(text).toMatch(/^got it/);
    await remove(id);
  });

  it("runs a prompt once, however often its key comes", async () => {
    const id = await newSession();
    const key = randomUUID();
    const send = () =>
      product.client.prompts.send.mutate({ sessionId: id, text: "#script\nsay once only", key });
    const answers = await Promise.all([send(), send(), send()]);
    expect(new Set(answers.map((a) => a.promptId)).size).toBe(1);
    await untilTurnEnds(id, answers[0]?.promptId ?? "");
    expect(await send()).toEqual(answers[0]);
    // It runs behind whatever else was queued.
    await runTurn(product.client, { sessionId: id, text: "#script\nsay the last" });
    const events = await readEvents(product.client, id);
    expect(events.filter((e) => e.type === "turn.started")).toHaveLength(2);
    expect(wordsOf(events).join(" ")).toMatch(/^once only ?the last$/);
    await remove(id);
  });

  /** Waits until the agent has said more words than `count`. @returns how many */
  async function hearsMoreThan(count: number, sessionId: string): Promise<number> {
    const events = await eventsUntil(product.client, {
      sessionId,
      what: "more of the stream",
      isThere: (heard) => wordsOf(heard).length > count,
    });
    return wordsOf(events).length;
  }

  const untilTurnEnds = (sessionId: string, promptId: string) =>
    eventsUntilTurnEnds(product.client, { sessionId, promptId });
});

function wordsOf(events: SessionEvent[]): string[] {
  return spokenText(events).split(/\s+/).filter(Boolean);
}

function outcomesOf(events: SessionEvent[]): string[] {
  return events.flatMap((e) => (e.type === "turn.ended" ? [e.data.outcome] : []));
}

function outputOf(events: SessionEvent[]): string {
  return events.flatMap((e) => (e.type === "tool.output" ? [e.data.suffix] : [])).join("");
}

function errorOf(events: SessionEvent[]): unknown {
  return events.find((e) => e.type === "error")?.data;
}
