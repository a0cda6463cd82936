import { describe, expect, it } from "vitest";
import { parseEventBody, type SidecarEventBody } from "../contract";
import { agentEvent, type AgentEvent } from "../opencode/wire";
import { Normaliser } from "./normaliser";
import { OpenState } from "./open-state";
import { historyOf, ofType, RECORDINGS, recording, replay, textOf } from "./recordings.testing";

const types = (events: readonly SidecarEventBody[]) => events.map((event) => event.type);

describe.each(RECORDINGS)("recorded turn %s", (name) => {
  const source = recording(name);
  const events = replay(source);

  it("fits the contract", () => {
    for (const event of events) expect(() => parseEventBody(event.type, event.data)).not.toThrow();
  });

  it("starts each message and part once, before anything else of it, and ends it at most once", () => {
    const started = new Set<string>();
    const ended = new Set<string>();
    for (const { type, data } of events) {
      const key =
        "partId" in data && type !== "request.opened" && type !== "child.started"
          ? data.partId
          : type.startsWith("message.") && "messageId" in data
            ? data.messageId
            : undefined;
      if (!key) continue;
      if (type.endsWith(".started")) {
        expect(started).not.toContain(key);
        started.add(key);
        continue;
      }
      expect(started).toContain(key);
      expect(ended).not.toContain(key);
      if (type.endsWith(".ended")) ended.add(key);
    }
  });

  it("gives readers the texts that opencode ended with", () => {
    const finals = new Map<string, string>();
    for (const event of source) {
      if (event.type !== "message.part.updated") continue;
      const { part } = event.properties;
      if ((part.type === "text" && !part.synthetic) || part.type === "reasoning")
        if (part.time?.end !== undefined) finals.set(part.id, part.text);
    }
    for (const [partId, text] of finals) expect(textOf(events, partId)).toBe(text);
  });

  it("says the same when a busy machine shows each message as it was at the end", () => {
    expect(replay(shownLate(source))).toEqual(events);
  });

  it("says nothing new when the same events come again", () => {
    const normaliser = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
    normaliser.beginTurn({ turnId: "trn_1", startedAtMs: 0 });
    for (const event of source) normaliser.take(event);
    const whole = source.filter(
      (event) => event.type === "message.updated" || event.type === "message.part.updated",
    );
    expect(whole.flatMap((event) => normaliser.take(event))).toEqual([]);
  });
});

describe("a turn with a tool and a permission", () => {
  const events = replay(recording("write-with-permission"));

  it("shows reasoning, text, the tool and its request in order", () => {
    const kinds = ofType(events, "part.started").map((part) => part.kind);
    expect(kinds).toEqual(["text", "reasoning", "text", "tool", "patch", "text"]);
    const request = ofType(events, "request.opened")[0];
    const tool = ofType(events, "part.started").find((part) => part.kind === "tool");
    expect(request).toMatchObject({
      kind: "permission",
      title: "Edit a.txt",
      patterns: ["a.txt"],
      always: ["*"],
      partId: tool?.partId,
    });
    expect(request?.detail).toContain("+hi");
    expect(ofType(events, "tool.ended")[0]).toMatchObject({
      tool: "write",
      status: "completed",
      title: "a.txt",
      durationMs: 81,
    });
  });

  it("tells tokens and cost of each model call", () => {
    const used = ofType(events, "usage.updated");
    expect(used).toHaveLength(2);
    expect(used[0]).toMatchObject({
      model: { providerId: "scripted", modelId: "m1" },
      tokens: { input: 100, output: 20, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
      cost: 0.0006,
    });
  });

  it("does not say that a request which the person answered was withdrawn", () => {
    const normaliser = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
    normaliser.beginTurn({ turnId: "trn_1", startedAtMs: 0 });
    const out: SidecarEventBody[] = [];
    for (const event of recording("write-with-permission")) {
      if (event.type === "permission.replied") normaliser.answered(`req_${event.properties.requestID}`);
      out.push(...normaliser.take(event));
    }
    expect(types(out)).not.toContain("request.closed");
    // Answered behind our back, as by the agent itself, it is.
    expect(ofType(events, "request.closed")).toMatchObject([{ outcome: "withdrawn" }]);
  });
});

describe("tools", () => {
  it("sends only what a command's output gained, and its exit code", () => {
    const events = replay(recording("bash-with-exit-code"));
    const output = ofType(events, "tool.output").map((event) => event.suffix);
    expect(output).toEqual(["line 1\n", "line 2\n", "line 3\n", "line 4\n", "line 5\n"]);
    expect(ofType(events, "tool.ended")[0]).toMatchObject({ status: "completed", exitCode: 3 });
    expect(ofType(events, "tool.input")).toHaveLength(1);
  });

  it("sends the result of other tools when they end, and the diff of an edit", () => {
    const events = replay(recording("todo-read-edit"));
    const read = ofType(events, "part.started").find((part) => part.tool === "read");
    expect(textOf(events, read?.partId ?? "")).toContain("1: hi");
    expect(ofType(events, "tool.ended").find((end) => end.tool === "edit")?.diff).toContain("-hi\n+ho");
    expect(ofType(events, "todo.updated")[0]).toEqual({
      todos: [{ content: "x", status: "pending", priority: "high" }],
    });
  });

  it("names the error of a refused call", () => {
    expect(ofType(replay(recording("rejected")), "tool.ended")[0]).toMatchObject({
      status: "error",
      error: expect.stringContaining("rejected") as string,
    });
  });

  it("ends a shell command's message after its output, although opencode ends it before", () => {
    const events = replay(recording("shell"));
    expect(types(events).slice(-2)).toEqual(["tool.ended", "message.ended"]);
    expect(ofType(events, "part.started").map((part) => part.kind)).toEqual(["tool"]);
  });

  it("shows no message in the person's name that holds nothing of the person's", () => {
    // opencode puts one, for the model alone, before the command.
    expect(ofType(replay(recording("shell")), "message.started").map(({ role }) => role)).toEqual([
      "assistant",
    ]);
  });
});

describe("sub-agents", () => {
  it("marks everything of the child, and tells where it was started", () => {
    const events = replay(recording("sub-agent"));
    const child = ofType(events, "child.started");
    expect(child).toHaveLength(1);
    const task = ofType(events, "part.started").find((part) => part.tool === "task");
    expect(child[0]).toMatchObject({ partId: task?.partId, messageId: task?.messageId });
    const inChild = events.filter(
      (event) => "childId" in event.data && event.data.childId === child[0]?.childId,
    );
    expect(types(inChild)).toContain("request.opened");
    expect(types(inChild).at(-1)).toBe("child.ended");
    expect(ofType(inChild, "usage.updated")).toHaveLength(2);
  });

  it.each(["sub-agent", "sub-agent-aborted"])("ends a child after all that is in it: %s", (name) => {
    const events = replay(recording(name));
    const inChild = events.filter((event) => "childId" in event.data && event.data.childId !== undefined);
    expect(types(inChild).filter((type) => type === "child.ended")).toHaveLength(1);
    expect(types(inChild).at(-1)).toBe("child.ended");
  });

  it("starts a child anew that another tool goes on with, and does not end it before it speaks", () => {
    const source = recording("sub-agent");
    const normaliser = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
    normaliser.beginTurn({ turnId: "trn_1", startedAtMs: 0 });
    for (const event of source) normaliser.take(event);
    const again = source.flatMap((event) => {
      const text = JSON.stringify(event).replace(/(msg|prt)_/g, "$1_again");
      return event.type.startsWith("message") ? [agentEvent.parse(JSON.parse(text))] : [];
    });
    const seen = types(again.flatMap((event) => normaliser.take(event)));
    expect(seen).toContain("child.started");
    expect(seen).not.toContain("child.ended");
  });

  it("ignores sessions that are not of this conversation", () => {
    const normaliser = new Normaliser({ mainSessionId: "ses_other", workspace: "/workspace" });
    normaliser.beginTurn({ turnId: "trn_1", startedAtMs: 0 });
    expect(recording("write-with-permission").flatMap((event) => normaliser.take(event))).toEqual([]);
  });
});

describe("failures", () => {
  it("tells what to do about a refused key", () => {
    const events = replay(recording("provider-401"));
    expect(ofType(events, "error")[0]).toMatchObject({
      code: "provider_auth",
      message: "The provider refused the key: check it in Settings → Keys.",
    });
    expect(ofType(events, "message.ended").at(-1)?.error?.code).toBe("provider_auth");
  });

  it("names an unknown model", () => {
    expect(ofType(replay(recording("unknown-model")), "error")[0]).toMatchObject({ code: "model_not_found" });
  });

  it("closes what a cut stream left before the next try", () => {
    const events = replay(recording("stream-cut-and-retried"));
    const retry = types(events).indexOf("retry.scheduled");
    expect(types(events)[retry - 1]).toBe("part.ended");
    expect(ofType(events, "retry.scheduled")[0]?.nextAt).toMatch(/^2026-11-23T/);
  });

  it.each([
    ["stream-cut-and-retried", "provider_cut", "The provider broke its answer off."],
    ["rate-limited-and-retried", "provider_rate_limited", "The provider's rate limit"],
    ["retried-until-given-up", "provider_unavailable", "The provider does not answer properly."],
  ])("says which failure is behind the retry of %s, and what to do", (name, code, what) => {
    const retry = ofType(replay(recording(name)), "retry.scheduled")[0];
    expect(retry).toMatchObject({ code, attempt: 1 });
    expect(retry?.message).toContain(what);
    expect(retry?.message).toMatch(
      /tries again by itself at 2026-11-2\d [\d:]+ UTC: .*stop the turn and .*\.$/,
    );
    expect(retry?.detail).toMatch(/Connection reset|Rate limit reached|had an error/);
  });

  it("names the failure that opencode gave up at", () => {
    const events = replay(recording("retried-until-given-up"));
    expect(ofType(events, "retry.scheduled").map((retry) => retry.attempt)).toEqual([1, 2, 3, 4, 5]);
    expect(ofType(events, "error")).toMatchObject([{ code: "provider_unavailable" }]);
    expect(ofType(events, "message.ended").at(-1)?.error?.code).toBe("provider_unavailable");
  });

  it.each([
    [1e300, "+275760-09-13T00:00:00.000Z"],
    [-1, "1970-01-01T00:00:00.000Z"],
  ])("tells the nearest time there is when the next try is at %d", (next, nextAt) => {
    const normaliser = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
    normaliser.beginTurn({ turnId: "trn_1", startedAtMs: 0 });
    const status = { type: "retry" as const, attempt: 1, message: "429", next };
    const properties = { sessionID: "ses_main", status };
    expect(normaliser.take({ type: "session.status", properties })).toMatchObject([{ data: { nextAt } }]);
  });

  it("does not call an abort an error", () => {
    const events = replay(recording("abort-in-text"));
    expect(types(events)).not.toContain("error");
    expect(ofType(events, "message.ended").at(-1)?.error).toBeUndefined();
  });
});

describe("order and turns", () => {
  it("takes the history for what the events did not bring", () => {
    const normaliser = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
    normaliser.beginTurn({ turnId: "trn_1", startedAtMs: 0 });
    const source = recording("bash-with-exit-code");
    const half = source.slice(0, 14);
    const state = new OpenState();
    const before = half.flatMap((event) => normaliser.take(event));
    const after = normaliser.takeHistory(historyOf(source));
    for (const event of [...before, ...after]) state.apply(event, 0);
    expect(ofType(after, "tool.ended")).toHaveLength(1);
    expect(textOf([...before, ...after], ofType([...before, ...after], "tool.ended")[0]?.partId ?? "")).toBe(
      "line 1\nline 2\nline 3\nline 4\nline 5\n",
    );
    expect(state.hasOpenItems).toBe(false);
  });

  it("ignores messages made before the turn, and everything between turns", () => {
    const late = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
    late.beginTurn({ turnId: "trn_2", startedAtMs: Date.UTC(2026, 11, 1) });
    expect(
      recording("bash-with-exit-code")
        .flatMap((event) => late.take(event))
        .filter((event) => event.type.startsWith("message")),
    ).toEqual([]);
    const idle = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
    expect(recording("bash-with-exit-code").flatMap((event) => idle.take(event))).toEqual([]);
  });

  it("splits a long prompt into pieces that fit an event", () => {
    const text = "x".repeat(100_000);
    const message = { id: "msg_1", sessionID: "ses_main", role: "user" as const, time: { created: 5 } };
    const part = { id: "prt_1", messageID: "msg_1", sessionID: "ses_main", type: "text" as const, text };
    const source: AgentEvent[] = [
      { type: "message.updated", properties: { info: message } },
      { type: "message.part.updated", properties: { part } },
    ];
    const normaliser = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
    normaliser.beginTurn({ turnId: "trn_1", startedAtMs: 0 });
    const out = source.flatMap((event) => normaliser.take(event));
    expect(ofType(out, "part.started")[0]?.text?.length).toBe(32 * 1024);
    expect(textOf(out, "prt_1")).toBe(text);
  });
});

/** opencode writes an event when it is sent: a message in it may be further than it was when the event was made. */
function shownLate(source: readonly AgentEvent[]): AgentEvent[] {
  const last = new Map(historyOf(source).map(({ info }) => [info.id, info]));
  return source.map((event) => {
    if (event.type !== "message.updated") return event;
    return { ...event, properties: { info: last.get(event.properties.info.id) ?? event.properties.info } };
  });
}
