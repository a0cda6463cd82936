/** For tests: a prompt queue on a real database, with an agent in memory that runs one turn at a time. */
import { pino } from "pino";
import type { SidecarEventBody } from "../../../sidecar/src/contract";
import type { PromptRequest } from "../../../sidecar/src/protocol";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { currentRequestId } from "../request-scope";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import type { SidecarError } from "../sidecar-client/sidecar-error";
import { createKeyedMutex } from "./keyed-mutex";
import { createPromptQueue, type PromptQueue } from "./prompt-queue";

export interface TestQueue extends Disposable {
  t: TestDatabase;
  log: EventLog;
  queue: PromptQueue;
  /** Whether the agent takes prompts. */
  ready: boolean;
  /** What the agent answers to prompts; to whoever stops a turn, too, when it is `unreachable`. */
  failWith: SidecarError | null;
  /** Prompts are on their way as long as this is pending. */
  arriving: Promise<void> | null;
  /** What the agent took, in order; the same prompt again is no second one. */
  taken: PromptRequest[];
  /** Of the requests that those were handed over in. */
  requestIds: (string | null)[];
  /** Whether the agent's turn of a prompt runs, has ended, or never was. */
  turns: Map<string, "runs" | "ended">;
  /** Prompts that somebody stopped before they came. */
  stoppedBefore: string[];
  add(key: string, text?: string): { promptId: string; state: "running" | "queued" };
  begins(promptId: string): void;
  ends(promptId: string): void;
  /** Types of the session's events. */
  types(): string[];
  /** A new server on the same database; the agent goes on meanwhile. */
  restart(): void;
}

export function testQueue(): TestQueue {
  const t = testDatabase();
  const log = createEventLog(t);
  const agent: Pick<SidecarClient, "prompt" | "abort"> = {
    async prompt(request) {
      if (q.failWith) throw q.failWith;
      await q.arriving;
      if (!q.turns.has(request.promptId)) {
        q.taken.push(request);
        q.requestIds.push(currentRequestId());
        q.turns.set(request.promptId, "runs");
      }
      return { turnId: `turn-${request.promptId}` };
    },
    async abort(promptId) {
      if (q.failWith?.code === "unreachable") throw q.failWith;
      const meant = promptId ?? [...q.turns].find(([, state]) => state === "runs")?.[0] ?? "";
      const state = q.turns.get(meant);
      if (promptId !== undefined && state === undefined) q.stoppedBefore.push(promptId);
      if (state === "runs") {
        q.turns.set(meant, "ended");
        // Its events come a moment after the answer.
        setImmediate(() => q.ends(meant));
      }
      return { aborted: state === "runs", known: promptId !== undefined && state !== undefined };
    },
  };
  const told = (body: SidecarEventBody) =>
    log.transaction((tx) => (tx.append(t.sessionId, body), q.queue.onEvent(tx, t.sessionId, body)));
  const newQueue = () =>
    createPromptQueue({
      ...t,
      log,
      logger: pino({ level: "silent" }),
      mutex: createKeyedMutex(),
      clientOf: () => (q.ready ? (agent as SidecarClient) : null),
      connectionOf: () => (q.ready ? { client: agent as SidecarClient } : null),
    });
  const q: TestQueue = {
    t,
    log,
    queue: newQueue(),
    ready: true,
    failWith: null,
    arriving: null,
    taken: [],
    requestIds: [],
    turns: new Map(),
    stoppedBefore: [],
    add: (key, text = key) =>
      q.queue.add({ sessionId: t.sessionId, userId: t.userId, key, kind: "prompt", text }),
    begins: (promptId) => void told({ type: "turn.started", data: { turnId: "t", promptId } }),
    ends(promptId) {
      q.turns.set(promptId, "ended");
      told({ type: "turn.ended", data: { turnId: "t", promptId, outcome: "done" } });
    },
    types: () => log.read(t.sessionId, 0).map((e) => e.type),
    restart: () => void (q.queue = newQueue()),
    [Symbol.dispose]: () => t[Symbol.dispose](),
  };
  return q;
}
