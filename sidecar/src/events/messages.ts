import type { SidecarEventBody, TokenUsage } from "../contract";
import { failureOf } from "../opencode/failures";
import type { AgentMessage } from "../opencode/wire";
import type { ToldMessage } from "./told-turn";

interface MessageState {
  sessionId: string;
  role: "user" | "assistant";
  /** Its start, until that is told: a person's message may hold nothing that people see. */
  untold: SidecarEventBody | null;
  ended: boolean;
  /** opencode's last word on it, once that says that it is complete. */
  completed: AgentMessage | null;
}

/** The turn that events belong to. */
export interface NormaliserTurn {
  turnId: string;
  startedAtMs: number;
  /** Messages made so long before its start may be its own; older ones are old ones that opencode touched again. */
  slackMs: number;
}

/**
 * When messages begin and end. An update of opencode's shows a message as it is when the update is sent, not as it was
 * when it was made: on a busy machine the very first one says that the message is complete, and its parts follow. So a
 * complete message ends with what comes after the last of its parts: the next answer, or the rest of its session.
 */
export class Messages {
  readonly #placeOf: (sessionId: string) => { childId?: string };
  readonly #hasOpenParts: (messageId: string) => boolean;
  readonly #messages = new Map<string, MessageState>();
  /** Sessions in which nothing runs. */
  readonly #atRest = new Set<string>();

  constructor(options: {
    /** The field that marks a sub-agent's events. */
    placeOf: (sessionId: string) => { childId?: string };
    hasOpenParts: (messageId: string) => boolean;
  }) {
    this.#placeOf = options.placeOf;
    this.#hasOpenParts = options.hasOpenParts;
  }

  get(messageId: string): Readonly<MessageState> | undefined {
    return this.#messages.get(messageId);
  }

  /** One that another process told of. */
  takeUp({ data, ended }: ToldMessage, sessionId: string): void {
    const { messageId, role } = data;
    this.#messages.set(messageId, { sessionId, role, untold: null, ended, completed: null });
  }

  take(info: AgentMessage, turn: NormaliserTurn): SidecarEventBody[] {
    const events = this.#messages.has(info.id) ? [] : this.#start(info, turn);
    const message = this.#messages.get(info.id);
    if (!message || message.ended || info.role !== "assistant" || info.time.completed === undefined)
      return events;
    message.completed = info;
    return [...events, ...this.partTaken(info.id)];
  }

  /** A part of it that people see has come: its start, if that was not told yet. */
  tell(messageId: string): SidecarEventBody[] {
    const message = this.#messages.get(messageId);
    if (!message?.untold) return [];
    const started = message.untold;
    message.untold = null;
    return [started];
  }

  /** A part of the message has come, or come to its end. */
  partTaken(messageId: string): SidecarEventBody[] {
    const message = this.#messages.get(messageId);
    return message && this.#atRest.has(message.sessionId) ? this.#endWhenWhole(message) : [];
  }

  /** Nothing runs in the session, and every answer in it has ended. */
  isOver(sessionId: string): boolean {
    if (!this.#atRest.has(sessionId)) return false;
    return ![...this.#messages.values()].some(
      (message) => message.sessionId === sessionId && message.role === "assistant" && !message.ended,
    );
  }

  busy(sessionId: string): void {
    this.#atRest.delete(sessionId);
  }

  idle(sessionId: string): SidecarEventBody[] {
    this.#atRest.add(sessionId);
    return this.#endAnswers(sessionId);
  }

  /** Ends the message if opencode has called it complete: all its parts are known. */
  endComplete(messageId: string): SidecarEventBody[] {
    const message = this.#messages.get(messageId);
    return message ? this.#endWhenWhole(message) : [];
  }

  /** The end of a turn; late updates of its messages do not open them again. */
  endAll(): SidecarEventBody[] {
    const events = [...this.#messages.values()].flatMap((message) => this.#endWhenWhole(message));
    for (const message of this.#messages.values()) message.ended = true;
    this.#atRest.clear();
    return events;
  }

  #start(info: AgentMessage, turn: NormaliserTurn): SidecarEventBody[] {
    if (info.time.created < turn.startedAtMs - turn.slackMs) return [];
    const { sessionID: sessionId, role } = info;
    const isAnswer = role === "assistant";
    // Nothing says that a person's message is complete but the answer to it.
    const before = isAnswer ? [...this.#endQuestions(sessionId), ...this.#endAnswers(sessionId)] : [];
    if (isAnswer) this.busy(sessionId);
    const model = modelOf(info);
    const data = { messageId: info.id, role, turnId: turn.turnId, ...(model ? { model } : {}) };
    const untold = { type: "message.started" as const, data: { ...data, ...this.#placeOf(sessionId) } };
    this.#messages.set(info.id, { sessionId, role, untold, ended: false, completed: null });
    return isAnswer ? [...before, ...this.tell(info.id)] : [];
  }

  #endQuestions(sessionId: string): SidecarEventBody[] {
    const events: SidecarEventBody[] = [];
    for (const [messageId, message] of this.#messages) {
      if (message.role !== "user" || message.ended || message.sessionId !== sessionId) continue;
      message.ended = true;
      if (message.untold) continue;
      const data = { messageId, role: "user" as const, ...this.#placeOf(sessionId) };
      events.push({ type: "message.ended", data });
    }
    return events;
  }

  #endAnswers(sessionId: string): SidecarEventBody[] {
    return [...this.#messages.values()]
      .filter((message) => message.sessionId === sessionId)
      .flatMap((message) => this.#endWhenWhole(message));
  }

  #endWhenWhole(message: MessageState): SidecarEventBody[] {
    const info = message.completed;
    if (!info || message.ended || this.#hasOpenParts(info.id)) return [];
    message.ended = true;
    return endOfMessage(info, this.#placeOf(message.sessionId));
  }
}

function modelOf(info: AgentMessage): { providerId: string; modelId: string } | null {
  const providerId = info.providerID ?? info.model?.providerID;
  const modelId = info.modelID ?? info.model?.modelID;
  return providerId && modelId ? { providerId, modelId } : null;
}

function endOfMessage(info: AgentMessage, inChild: { childId?: string }): SidecarEventBody[] {
  const model = modelOf(info);
  const cost = Math.max(0, info.cost ?? 0);
  const tokens = tokensOf(info);
  const error = info.error ? failureOf(info.error) : null;
  const place = { messageId: info.id, ...inChild };
  const ended: SidecarEventBody = {
    type: "message.ended",
    data: {
      ...place,
      role: "assistant",
      ...(model ? { model } : {}),
      tokens,
      cost,
      ...(error ? { error } : {}),
    },
  };
  const used = cost > 0 || Object.values(tokens).some((count) => count > 0);
  return used && model
    ? [ended, { type: "usage.updated", data: { ...place, model, tokens, cost } }]
    : [ended];
}

function tokensOf(info: AgentMessage): TokenUsage {
  const count = (value: number | undefined) => Math.max(0, Number.isFinite(value) ? (value ?? 0) : 0);
  const { input, output, reasoning, cache } = info.tokens ?? {};
  return {
    input: count(input),
    output: count(output),
    reasoning: count(reasoning),
    cacheRead: count(cache?.read),
    cacheWrite: count(cache?.write),
  };
}
