import type { EventBody, EventDataOf, RequestKind, SidecarEventBody } from "../contract";
import {
  addText,
  endPart,
  openersOfPart,
  startedPart,
  type ToldChild,
  type ToldMessage,
  type ToldPart,
  type ToldTurn,
} from "./told-turn";

/** Why things are closed that nobody ended; told to people in the tool's error. */
export type CloseReason = "interrupted" | "aborted" | "error";

const REASON_TEXT: Record<CloseReason, string> = {
  interrupted: "Interrupted: the agent stopped before this ended.",
  aborted: "Aborted before this ended.",
  error: "The turn failed before this ended.",
};

/**
 * What the events so far have started and not ended, and what else they told of the open turn. Fed with every event of the
 * spool, live or from an older epoch, it knows what has to be closed when the agent goes away, and what not to tell again.
 */
export class OpenState {
  #turn: EventDataOf<"turn.started"> | null = null;
  #turnStartedAtMs = 0;
  /** Those that have ended too, until their turn ends. */
  readonly #messages = new Map<string, ToldMessage>();
  readonly #parts = new Map<string, ToldPart>();
  readonly #children = new Map<string, ToldChild>();
  readonly #requests = new Map<string, RequestKind>();

  get turn(): EventDataOf<"turn.started"> | null {
    return this.#turn;
  }

  /** What is known of the open turn; null when none is. The answer does not follow later events. */
  told(): ToldTurn | null {
    if (!this.#turn) return null;
    return {
      ...this.#turn,
      startedAtMs: this.#turnStartedAtMs,
      messages: [...this.#messages.values()].map((message) => ({ ...message })),
      parts: [...this.#parts.values()].map((part) => ({ ...part })),
      children: [...this.#children.values()].map((child) => ({ ...child })),
    };
  }

  /** True when a message, part, request or sub-agent has not ended. */
  get hasOpenItems(): boolean {
    return this.hasOpenParts || this.#requests.size > 0 || openOf(this.#children).length > 0;
  }

  get hasOpenParts(): boolean {
    return openOf(this.#parts).length > 0 || openOf(this.#messages).length > 0;
  }

  requestKind(requestId: string): RequestKind | null {
    return this.#requests.get(requestId) ?? null;
  }

  /** The server closes an answered request itself, so no event of ours tells of it. */
  forgetRequest(requestId: string): void {
    this.#requests.delete(requestId);
  }

  /** The answer did not get through: the request is open as before {@link forgetRequest}. */
  restoreRequest(requestId: string, kind: RequestKind): void {
    this.#requests.set(requestId, kind);
  }

  apply(event: EventBody, nowMs: number): void {
    switch (event.type) {
      case "turn.started":
        this.#turn = event.data;
        this.#turnStartedAtMs = nowMs;
        return;
      case "turn.ended":
        this.#turn = null;
        // Whatever was open is closed before this; what is left was answered, and closed by the server.
        this.#requests.clear();
        for (const items of [this.#messages, this.#parts, this.#children]) dropEnded(items);
        return;
      case "message.started":
        this.#messages.set(event.data.messageId, { data: event.data, ended: false });
        return;
      case "message.ended":
        end(this.#messages.get(event.data.messageId));
        return;
      case "part.started":
        this.#parts.set(event.data.partId, startedPart(event.data, nowMs));
        return;
      case "part.delta":
        this.#addText(event.data.partId, event.data.text);
        return;
      case "tool.output":
        this.#addText(event.data.partId, event.data.suffix);
        return;
      case "tool.input":
        this.#takeInput(event.data.partId, event.data.tool);
        return;
      case "part.ended":
      case "tool.ended":
        this.#endPart(event.data.partId);
        return;
      case "request.opened":
        this.#requests.set(event.data.requestId, event.data.kind);
        return;
      case "request.closed":
        this.#requests.delete(event.data.requestId);
        return;
      case "child.started":
        this.#children.set(event.data.childId, { data: event.data, ended: false });
        return;
      case "child.ended":
        end(this.#children.get(event.data.childId));
        return;
      default:
        return;
    }
  }

  /** Events that end everything open but the turn itself; parts before their messages. Apply them like any other. */
  closers(reason: CloseReason, nowMs: number): SidecarEventBody[] {
    const events: SidecarEventBody[] = [];
    for (const part of openOf(this.#parts)) events.push(closePart(part, reason, nowMs));
    for (const requestId of this.#requests.keys()) {
      events.push({ type: "request.closed", data: { requestId, outcome: "withdrawn" } });
    }
    for (const { data } of openOf(this.#messages)) events.push(endOfMessage(data));
    for (const { data } of openOf(this.#children))
      events.push({ type: "child.ended", data: { childId: data.childId } });
    return events;
  }

  /** Events that make a fresh state know what this one does. */
  openers(nowMs: number): { atMs: number; body: SidecarEventBody }[] {
    const timed = (bodies: readonly SidecarEventBody[], atMs = nowMs) =>
      bodies.map((body) => ({ atMs, body }));
    const turn = this.#turn ? [{ type: "turn.started" as const, data: this.#turn }] : [];
    const children = [...this.#children.values()].flatMap(({ data, ended }): SidecarEventBody[] => [
      { type: "child.started", data },
      ...(ended ? [{ type: "child.ended" as const, data: { childId: data.childId } }] : []),
    ]);
    const messages = [...this.#messages.values()].flatMap(({ data, ended }): SidecarEventBody[] => [
      { type: "message.started", data },
      ...(ended ? [endOfMessage(data)] : []),
    ]);
    const requests = [...this.#requests].map(([requestId, kind]): SidecarEventBody => ({
      type: "request.opened",
      data: { requestId, kind, title: "", detail: "" },
    }));
    return [
      ...timed(turn, this.#turnStartedAtMs),
      ...timed([...children, ...messages, ...requests]),
      ...[...this.#parts.values()].flatMap((part) => timed(openersOfPart(part), part.startedAtMs)),
    ];
  }

  #addText(partId: string, text: string): void {
    const part = this.#parts.get(partId);
    if (part && !part.ended) addText(part, text);
  }

  #takeInput(partId: string, tool: string): void {
    const part = this.#parts.get(partId);
    if (!part) return;
    part.tool = tool;
    part.hasInput = true;
  }

  #endPart(partId: string): void {
    const part = this.#parts.get(partId);
    if (part) endPart(part);
  }
}

function openOf<T extends { ended: boolean }>(items: ReadonlyMap<string, T>): T[] {
  return [...items.values()].filter(({ ended }) => !ended);
}

function dropEnded(items: Map<string, { ended: boolean }>): void {
  for (const [id, { ended }] of items) if (ended) items.delete(id);
}

function end(item: { ended: boolean } | undefined): void {
  if (item) item.ended = true;
}

function endOfMessage(data: EventDataOf<"message.started">): SidecarEventBody {
  const { messageId, role, model, childId } = data;
  const place = { messageId, role, ...(model ? { model } : {}), ...(childId ? { childId } : {}) };
  return { type: "message.ended", data: place };
}

function closePart(
  { place, tool, startedAtMs }: ToldPart,
  reason: CloseReason,
  nowMs: number,
): SidecarEventBody {
  if (tool === null) return { type: "part.ended", data: place };
  const ended = {
    tool,
    status: "error" as const,
    title: tool,
    durationMs: Math.max(0, nowMs - startedAtMs),
    error: REASON_TEXT[reason],
  };
  return { type: "tool.ended", data: { ...place, ...ended } };
}
