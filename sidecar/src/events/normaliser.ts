import type { EventDataOf, SidecarEventBody } from "../contract";
import { failureOf, retryOf } from "../opencode/failures";
import type {
  AgentEvent,
  AgentHistory,
  AgentPart,
  AgentToolPart,
  PermissionAsked,
  QuestionAsked,
} from "../opencode/wire";
import { ChildSessions } from "./child-sessions";
import { Messages, type NormaliserTurn } from "./messages";
import type { PartPlace } from "./part-place";
import { stateOfTold, type PartState } from "./part-state";
import { permissionOpened, questionOpened, requestIdOf, type AskingPlace } from "./requests";
import { abandonText, deltaText, startText, updateText } from "./text-part";
import type { ToldTurn } from "./told-turn";
import { startTool, updateTool } from "./tool-part";

/** The last moment that a Date holds. */
const MAX_DATE_MS = 8.64e15;
const MAX_FILE_URL_UNITS = 100 * 1024;

/** A message may carry a time slightly before the turn that asked for it, when a clock is set. */
const CLOCK_SLACK_MS = 2000;

/**
 * Turns opencode's events into the product's vocabulary. Reads no clock and does no I/O: the same events give the same answer.
 * Whole texts from opencode may repeat, overtake deltas or come after the end; readers get each piece once.
 */
export class Normaliser {
  readonly #sessions: ChildSessions;
  readonly #workspace: string;
  readonly #messages: Messages;
  readonly #parts = new Map<string, PartState>();
  readonly #openRequests = new Set<string>();
  #turn: NormaliserTurn | null = null;

  constructor(options: { mainSessionId: string; workspace: string }) {
    this.#sessions = new ChildSessions(options.mainSessionId);
    this.#workspace = options.workspace;
    this.#messages = new Messages({
      placeOf: (sessionId) => this.#sessions.placeOf(sessionId),
      hasOpenParts: (messageId) =>
        [...this.#parts.values()].some((part) => part.place.messageId === messageId && !part.ended),
    });
  }

  beginTurn(turn: Omit<NormaliserTurn, "slackMs">): void {
    this.#turn = { ...turn, slackMs: CLOCK_SLACK_MS };
  }

  /** Goes on with a turn that another process began: what that told of it is not told again. */
  takeUpTurn(told: ToldTurn): void {
    // Whose the messages just before it are is not known here as it is in the process that told of them.
    this.#turn = { ...told, slackMs: 0 };
    for (const child of told.children) this.#sessions.takeUp(child);
    for (const message of told.messages) this.#messages.takeUp(message, this.#sessionOf(message.data));
    for (const part of told.parts)
      this.#parts.set(part.place.partId, stateOfTold(part, this.#sessionOf(part.place)));
  }

  /**
   * Ends the messages that are complete; what is open after that was cut. Texts are dropped, the ids of messages and parts
   * stay: late updates of an ended turn must not open it again.
   */
  endTurn(): SidecarEventBody[] {
    const events = this.#messages.endAll();
    this.#turn = null;
    this.#openRequests.clear();
    for (const part of this.#parts.values()) {
      part.ended = true;
      if (part.kind === "text" || part.kind === "reasoning") part.sent = "";
      if (part.kind === "tool") part.sentTail = "";
    }
    return events;
  }

  /** The person has answered: what opencode then says about the request is no news. */
  answered(requestId: string): void {
    this.#openRequests.delete(requestId);
  }

  /** The answer did not get through: opencode's word on the request counts again. */
  unanswered(requestId: string): void {
    this.#openRequests.add(requestId);
  }

  /** opencode's own record of a conversation, for what its event stream did not deliver. */
  takeHistory(history: AgentHistory): SidecarEventBody[] {
    return history.flatMap(({ info, parts }) => [
      ...this.take({
        type: "message.updated",
        properties: { info: { ...info, time: { created: info.time.created } } },
      }),
      ...parts.flatMap((part) => this.take({ type: "message.part.updated", properties: { part } })),
      ...this.take({ type: "message.updated", properties: { info } }),
      ...this.#messages.endComplete(info.id),
    ]);
  }

  /** opencode's ids of the sub-agents at work. */
  openChildren(): string[] {
    return this.#sessions.running();
  }

  take(event: AgentEvent): SidecarEventBody[] {
    if (!this.#turn) return [];
    switch (event.type) {
      case "session.created":
        this.#sessions.created(event.properties.info);
        return [];
      case "message.updated":
        return this.#inSession(event.properties.info.sessionID, () =>
          this.#turn ? this.#messages.take(event.properties.info, this.#turn) : [],
        );
      case "message.part.updated":
        return this.#inSession(event.properties.part.sessionID, () => this.#part(event.properties.part));
      case "message.part.delta":
        return this.#inSession(event.properties.sessionID, () => this.#delta(event.properties));
      case "session.status":
        return this.#inSession(event.properties.sessionID, (inChild) =>
          this.#status(event.properties, inChild),
        );
      case "session.idle":
        return this.#inSession(event.properties.sessionID, () =>
          this.#messages.idle(event.properties.sessionID),
        );
      case "session.error":
        return this.#error(event.properties);
      case "todo.updated":
        return this.#inSession(event.properties.sessionID, (inChild) => [
          { type: "todo.updated", data: { todos: event.properties.todos.slice(0, 500), ...inChild } },
        ]);
      case "permission.asked":
      case "question.asked":
        return this.#inSession(event.properties.sessionID, () => this.#asked(event));
      case "permission.replied":
      case "question.replied":
      case "question.rejected":
        return this.#withdrawn(requestIdOf(event.properties.requestID));
    }
  }

  #inSession(
    sessionId: string,
    make: (inChild: { childId?: string }) => SidecarEventBody[],
  ): SidecarEventBody[] {
    if (!this.#sessions.knows(sessionId)) return [];
    const inChild = this.#sessions.placeOf(sessionId);
    const events = [...this.#sessions.announce(sessionId), ...make(inChild)];
    // Its last words may follow the news that it is idle.
    return this.#messages.isOver(sessionId) ? [...events, ...this.#sessions.ended(sessionId)] : events;
  }

  #part(part: AgentPart): SidecarEventBody[] {
    const message = this.#messages.get(part.messageID);
    if (!message || (message.ended && !this.#parts.has(part.id))) return [];
    const childId = this.#sessions.placeOf(part.sessionID);
    const place: PartPlace = { messageId: part.messageID, partId: part.id, ...childId };
    const events = this.#partEvents(part, place, message);
    const started = events.length > 0 ? this.#messages.tell(part.messageID) : [];
    return [...started, ...events, ...this.#messages.partTaken(part.messageID)];
  }

  #partEvents(
    part: AgentPart,
    place: PartPlace,
    message: { role: "user" | "assistant" },
  ): SidecarEventBody[] {
    switch (part.type) {
      case "text":
      case "reasoning":
        if (part.type === "text" && (part.synthetic || part.ignored)) return [];
        return this.#text(part, place, message);
      case "tool":
        return this.#tool(part, place);
      case "file":
        return this.#whole(part, place, { kind: "file", file: fileOf(part) });
      case "patch":
        return this.#whole(part, place, { kind: "patch", files: part.files.slice(0, 1000) });
      case "compaction":
        return this.#whole(part, place, { kind: "compaction" });
    }
  }

  #text(
    part: Extract<AgentPart, { type: "text" | "reasoning" }>,
    place: PartPlace,
    message: { role: "user" | "assistant" },
  ): SidecarEventBody[] {
    const ended = message.role === "user" || part.time?.end !== undefined;
    const known = this.#parts.get(part.id);
    if (known) {
      // Late repeats of an ended turn find no text to compare with.
      if (known.kind !== part.type || (known.ended && !this.#isLive(part.messageID))) return [];
      return updateText(known, place, { text: part.text, ended });
    }
    const { state, events } = startText(part, place);
    this.#parts.set(part.id, { ...state, place, sessionId: part.sessionID });
    const stored = this.#parts.get(part.id);
    if (!ended || stored?.kind !== part.type) return events;
    return [...events, ...updateText(stored, place, { text: part.text, ended })];
  }

  #tool(part: AgentToolPart, place: PartPlace): SidecarEventBody[] {
    const events: SidecarEventBody[] = [];
    let known = this.#parts.get(part.id);
    if (!known) {
      const started = startTool(part, place);
      known = { ...started.state, place, sessionId: part.sessionID };
      this.#parts.set(part.id, known);
      events.push(...started.events);
    }
    if (part.tool === "task" && !known.ended) events.push(...this.#linkChild(part, place));
    return known.kind === "tool" ? [...events, ...updateTool(known, place, part)] : events;
  }

  /** A tool that was not seen at work, but had ended when opencode's record was read, names its sub-agent too. */
  #linkChild({ state }: AgentToolPart, place: PartPlace): SidecarEventBody[] {
    const childSession = state.metadata?.sessionId;
    if (state.status === "pending" || typeof childSession !== "string") return [];
    if (state.status !== "running" && this.#sessions.knows(childSession)) return [];
    const linked = this.#sessions.linked(childSession, place, state.title ?? "");
    if (linked.length > 0) this.#messages.busy(childSession);
    return linked;
  }

  #whole(
    part: AgentPart,
    place: PartPlace,
    data: Omit<EventDataOf<"part.started">, keyof PartPlace>,
  ): SidecarEventBody[] {
    const known = this.#parts.get(part.id);
    if (known?.ended) return [];
    this.#parts.set(part.id, { kind: "whole", ended: true, place, sessionId: part.sessionID });
    const ended = { type: "part.ended" as const, data: place };
    return known ? [ended] : [{ type: "part.started", data: { ...place, ...data } }, ended];
  }

  #delta(delta: { partID: string; field: string; delta: string }): SidecarEventBody[] {
    const part = this.#parts.get(delta.partID);
    if (delta.field !== "text" || !part || (part.kind !== "text" && part.kind !== "reasoning")) return [];
    return deltaText(part, part.place, delta.delta);
  }

  #status(
    { sessionID, status }: Extract<AgentEvent, { type: "session.status" }>["properties"],
    inChild: { childId?: string },
  ): SidecarEventBody[] {
    if (status.type !== "idle") this.#messages.busy(sessionID);
    if (status.type !== "retry") return [];
    const nextAt = new Date(Math.min(MAX_DATE_MS, Math.max(0, status.next))).toISOString();
    const attempt = Math.trunc(status.attempt);
    const data = { ...retryOf(status.message, nextAt), attempt, nextAt, ...inChild };
    // The next try makes new parts; what the failed one streamed stays as it is.
    return [...this.#abandonTexts(sessionID), { type: "retry.scheduled", data }];
  }

  #abandonTexts(sessionId: string): SidecarEventBody[] {
    const events: SidecarEventBody[] = [];
    for (const part of this.#parts.values()) {
      if (part.sessionId === sessionId && (part.kind === "text" || part.kind === "reasoning"))
        events.push(...abandonText(part, part.place));
    }
    return events;
  }

  #error({
    sessionID,
    error,
  }: Extract<AgentEvent, { type: "session.error" }>["properties"]): SidecarEventBody[] {
    if (!sessionID || !error || !this.#sessions.knows(sessionID)) return [];
    const failure = failureOf(error);
    return failure ? [{ type: "error", data: { ...failure, ...this.#sessions.placeOf(sessionID) } }] : [];
  }

  #asked(event: Extract<AgentEvent, { type: "permission.asked" | "question.asked" }>): SidecarEventBody[] {
    const requestId = requestIdOf(event.properties.id);
    if (this.#openRequests.has(requestId)) return [];
    this.#openRequests.add(requestId);
    const place = this.#askingPlace(event.properties);
    const data =
      event.type === "permission.asked"
        ? permissionOpened(event.properties, place, this.#workspace)
        : questionOpened(event.properties, place);
    return [{ type: "request.opened", data }];
  }

  #askingPlace(asked: PermissionAsked | QuestionAsked): AskingPlace {
    const inChild = this.#sessions.placeOf(asked.sessionID);
    if (!asked.tool) return inChild;
    const { messageID, callID } = asked.tool;
    for (const part of this.#parts.values()) {
      if (part.kind === "tool" && part.callId === callID && part.place.messageId === messageID) {
        return { messageId: messageID, partId: part.place.partId, ...inChild };
      }
    }
    return { messageId: messageID, ...inChild };
  }

  #withdrawn(requestId: string): SidecarEventBody[] {
    if (!this.#openRequests.delete(requestId)) return [];
    return [{ type: "request.closed", data: { requestId, outcome: "withdrawn" } }];
  }

  #sessionOf({ childId }: { childId?: string | undefined }): string {
    return childId ?? this.#sessions.main;
  }

  #isLive(messageId: string): boolean {
    return this.#messages.get(messageId)?.ended === false;
  }
}

function fileOf(part: Extract<AgentPart, { type: "file" }>): { name: string; mime: string; url?: string } {
  const url = part.url.length <= MAX_FILE_URL_UNITS ? { url: part.url } : {};
  return { name: part.filename ?? "file", mime: part.mime, ...url };
}
