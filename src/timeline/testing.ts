/** For tests: numbered events, and conversations made at random from a seed. */
import type { EventBody, SessionEvent, TokenUsage } from "../../sidecar/src/contract";

export const AT = "2026-11-23T10:00:00.000Z";

/** @returns the events numbered from `firstSeq` on */
export function numbered(bodies: readonly EventBody[], firstSeq = 1): SessionEvent[] {
  return bodies.map((body, index) => ({ seq: firstSeq + index, at: AT, ...body }));
}

export function tokens(input: number, output: number): TokenUsage {
  return { input, output, reasoning: 0, cacheRead: 0, cacheWrite: 0 };
}

/** A turn as the sidecar tells it: the person's message, then one of the agent with a text. */
export function plainTurn(n: number, text = "hello"): EventBody[] {
  const promptId = `prm_${n}`;
  const turnId = `turn_${n}`;
  const asked = `msg_${n}_user`;
  const said = `msg_${n}_agent`;
  const part = { messageId: said, partId: `prt_${n}` };
  return [
    { type: "prompt.queued", data: { promptId, text: `ask ${n}`, kind: "prompt", by: "usr_1" } },
    { type: "prompt.started", data: { promptId } },
    { type: "turn.started", data: { turnId, promptId } },
    { type: "message.started", data: { messageId: asked, role: "user", turnId } },
    { type: "part.started", data: { messageId: asked, partId: `ask_${n}`, kind: "text", text: `ask ${n}` } },
    { type: "part.ended", data: { messageId: asked, partId: `ask_${n}` } },
    { type: "message.ended", data: { messageId: asked, role: "user" } },
    { type: "message.started", data: { messageId: said, role: "assistant", turnId } },
    { type: "part.started", data: { ...part, kind: "text" } },
    { type: "part.delta", data: { ...part, text } },
    { type: "part.ended", data: part },
    {
      type: "message.ended",
      data: { messageId: said, role: "assistant", tokens: tokens(10, 2), cost: 0.25 },
    },
    { type: "turn.ended", data: { turnId, promptId, outcome: "done" } },
  ];
}

/** Numbers from a seed, so that a failing case can be run again (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Events in no sensible order, with few ids, so that unknown and repeated references are common. */
export function randomEvents(seed: number, count: number): SessionEvent[] {
  const random = randomFrom(seed);
  return numbered(Array.from({ length: count }, () => randomBody(random)));
}

function randomBody(random: (below: number) => number): EventBody {
  const one = (prefix: string, of = 6) => `${prefix}_${random(of)}`;
  const child = random(5) === 0 ? { childId: one("child", 2) } : {};
  const message = { messageId: one("msg"), ...child };
  const part = { ...message, partId: one("prt") };
  const bodies: (() => EventBody)[] = [
    () => ({
      type: "prompt.queued",
      data: {
        promptId: one("prm", 1000),
        text: "ask",
        kind: random(4) === 0 ? "shell" : "prompt",
        by: "usr_1",
      },
    }),
    () => ({ type: "prompt.edited", data: { promptId: one("prm"), text: "edited" } }),
    () => ({ type: "prompt.moved", data: { promptId: one("prm", 1000), position: 1 + random(3) } }),
    () => ({ type: "prompt.started", data: { promptId: one("prm", 1000) } }),
    () => ({ type: "prompt.cancelled", data: { promptId: one("prm", 1000) } }),
    () => ({ type: "turn.started", data: { turnId: one("turn"), promptId: one("prm", 1000) } }),
    () => ({
      type: "turn.ended",
      data: { turnId: one("turn"), promptId: one("prm"), outcome: random(2) === 0 ? "done" : "aborted" },
    }),
    () => ({
      type: "message.started",
      data: { ...message, role: random(2) === 0 ? "user" : "assistant", turnId: one("turn") },
    }),
    () => ({
      type: "message.ended",
      data: { ...message, role: "assistant", tokens: tokens(random(9), random(9)), cost: random(4) / 4 },
    }),
    () => ({ type: "part.started", data: { ...part, kind: random(2) === 0 ? "text" : "tool" } }),
    () => ({ type: "part.delta", data: { ...part, text: "abc".slice(random(3)) } }),
    () => ({ type: "part.ended", data: part }),
    () => ({ type: "tool.input", data: { ...part, tool: "bash", input: { command: "ls" } } }),
    () => ({ type: "tool.output", data: { ...part, suffix: "out" } }),
    () => ({
      type: "tool.ended",
      data: { ...part, tool: "bash", status: "completed", title: "ls", durationMs: 5, exitCode: 0 },
    }),
    () => ({
      type: "request.opened",
      data: { requestId: one("req"), kind: "permission", title: "run", detail: "ls", ...child },
    }),
    () => ({ type: "request.closed", data: { requestId: one("req"), outcome: "once", by: "usr_1" } }),
    () => ({ type: "todo.updated", data: { todos: [{ content: "a", status: "pending" }], ...child } }),
    () => ({ type: "child.started", data: { childId: one("child", 2), title: "sub" } }),
    () => ({ type: "child.ended", data: { childId: one("child", 2) } }),
    () => ({ type: "retry.scheduled", data: { attempt: 1, message: "busy", nextAt: AT } }),
    () => ({ type: "error", data: { code: "provider", message: "No." } }),
    () => ({
      type: "usage.updated",
      data: {
        ...message,
        model: { providerId: "demo", modelId: "demo-1" },
        tokens: tokens(random(9), random(9)),
        cost: random(4) / 4,
      },
    }),
    () => ({ type: "session.updated", data: { title: one("title") } }),
    () => ({
      type: "session.restored",
      data: { snapshotId: one("snp"), name: one("name"), madeAt: AT, seq: random(6) },
    }),
    () => ({
      type: "session.status",
      data: { status: "active", step: null, reason: null, agentState: "awake" },
    }),
  ];
  const make = bodies[random(bodies.length)];
  if (make === undefined) throw new RangeError("random() gave a number that is too large");
  return make();
}
