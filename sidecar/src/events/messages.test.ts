import { beforeEach, describe, expect, it } from "vitest";
import type { SidecarEventBody } from "../contract";
import type { AgentMessage } from "../opencode/wire";
import { Messages } from "./messages";

const TURN = { turnId: "trn_1", startedAtMs: 0, slackMs: 0 };

describe("the end of an answer", () => {
  let openParts: Set<string>;
  let messages: Messages;

  beforeEach(() => {
    openParts = new Set();
    messages = new Messages({
      placeOf: (sessionId) => (sessionId === "main" ? {} : { childId: sessionId }),
      hasOpenParts: (messageId) => openParts.has(messageId),
    });
  });

  const complete = (id: string, sessionID = "main"): AgentMessage => ({
    id,
    sessionID,
    role: "assistant",
    time: { created: 1, completed: 2 },
  });
  const ended = (events: readonly SidecarEventBody[]) =>
    events.flatMap((event) => (event.type === "message.ended" ? [event.data.messageId] : []));

  it("waits for what follows its parts: the rest of its session", () => {
    expect(ended(messages.take(complete("a"), TURN))).toEqual([]);
    expect(ended(messages.idle("main"))).toEqual(["a"]);
    expect(ended(messages.idle("main"))).toEqual([]);
  });

  it("or the next answer there", () => {
    messages.take(complete("a"), TURN);
    expect(ended(messages.take(complete("b"), TURN))).toEqual(["a"]);
  });

  it("comes with the last of its parts when the session is at rest already", () => {
    openParts.add("a");
    messages.take(complete("a"), TURN);
    expect(ended(messages.idle("main"))).toEqual([]);
    expect(ended(messages.partTaken("a"))).toEqual([]);
    openParts.clear();
    expect(ended(messages.partTaken("a"))).toEqual(["a"]);
  });

  it("is not brought by the rest or the answers of another session", () => {
    messages.take(complete("a"), TURN);
    messages.take(complete("b", "child"), TURN);
    expect(ended(messages.idle("child"))).toEqual(["b"]);
    expect(ended(messages.take(complete("c", "child"), TURN))).toEqual([]);
    expect(ended(messages.idle("main"))).toEqual(["a"]);
  });

  it("is not at hand in a session that works again", () => {
    messages.idle("child");
    messages.busy("child");
    expect(ended(messages.take(complete("a", "child"), TURN))).toEqual([]);
    messages.idle("child");
    // A new answer says it as well as a status.
    expect(ended(messages.take(complete("b", "child"), TURN))).toEqual([]);
    expect(ended(messages.idle("child"))).toEqual(["b"]);
  });

  it("comes with the turn's at the latest, save for what has open parts; the next turn begins at work", () => {
    messages.take(complete("a"), TURN);
    messages.take(complete("b", "child"), TURN);
    messages.idle("main");
    openParts.add("b");
    expect(ended(messages.endAll())).toEqual([]);
    messages.take(complete("c"), TURN);
    expect(ended(messages.endAll())).toEqual(["c"]);
    messages.idle("main");
    messages.endAll();
    messages.take({ ...complete("d"), time: { created: 1 } }, TURN);
    expect(ended(messages.take(complete("d"), TURN))).toEqual([]);
  });
});
