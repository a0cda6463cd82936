import type { EventBody, EventDataOf, PartKind, RequestKind, SidecarEventBody } from "../contract";

interface OpenPart {
  messageId: string;
  partId: string;
  kind: PartKind;
  /** The tool's name; null for parts that are not tools. */
  tool: string | null;
  childId?: string;
  startedAtMs: number;
}

/** Why things are closed that nobody ended; told to people in the tool's error. */
export type CloseReason = "interrupted" | "aborted" | "error";

const REASON_TEXT: Record<CloseReason, string> = {
  interrupted: "Interrupted: the agent stopped before this ended.",
  aborted: "Aborted before this ended.",
  error: "The turn failed before this ended.",
};

/**
 * What the events so far have started and not ended. Fed with every event of the spool, live or from an older epoch,
 * it knows what has to be closed when the agent goes away.
 */
export class OpenState {
  #turn: EventDataOf<"turn.started"> | null = null;
  readonly #messages = new Map<string, EventDataOf<"message.started">>();
  readonly #parts = new Map<string, OpenPart>();
  readonly #requests = new Map<string, RequestKind>();
  readonly #children = new Set<string>();

  get turn(): EventDataOf<"turn.started"> | null {
    return this.#turn;
  }

  /** True when a message, part, request or sub-agent has not ended. */
  get hasOpenItems(): boolean {
    return this.#messages.size + this.#parts.size + this.#requests.size + this.#children.size > 0;
  }

  get hasOpenParts(): boolean {
    return this.#parts.size + this.#messages.size > 0;
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
        return;
      case "turn.ended":
        this.#turn = null;
        // Whatever was open is closed before this; what is left was answered, and closed by the server.
        this.#requests.clear();
        return;
      case "message.started":
        this.#messages.set(event.data.messageId, event.data);
        return;
      case "message.ended":
        this.#messages.delete(event.data.messageId);
        return;
      case "part.started":
        this.#parts.set(event.data.partId, this.#openPart(event.data, nowMs));
        return;
      case "tool.input":
        this.#renameTool(event.data.partId, event.data.tool);
        return;
      case "part.ended":
      case "tool.ended":
        this.#parts.delete(event.data.partId);
        return;
      case "request.opened":
        this.#requests.set(event.data.requestId, event.data.kind);
        return;
      case "request.closed":
        this.#requests.delete(event.data.requestId);
        return;
      case "child.started":
        this.#children.add(event.data.childId);
        return;
      case "child.ended":
        this.#children.delete(event.data.childId);
        return;
      default:
        return;
    }
  }

  /** Events that end everything open but the turn itself; parts before their messages. Apply them like any other. */
  closers(reason: CloseReason, nowMs: number): SidecarEventBody[] {
    const events: SidecarEventBody[] = [];
    for (const part of this.#parts.values()) events.push(closePart(part, reason, nowMs));
    for (const requestId of this.#requests.keys()) {
      events.push({ type: "request.closed", data: { requestId, outcome: "withdrawn" } });
    }
    for (const message of this.#messages.values()) {
      const { messageId, role, model, childId } = message;
      const data = { messageId, role, ...(model ? { model } : {}), ...(childId ? { childId } : {}) };
      events.push({ type: "message.ended", data });
    }
    for (const childId of this.#children) events.push({ type: "child.ended", data: { childId } });
    return events;
  }

  /** Events that make a fresh state know what this one has open, without the texts. */
  openers(nowMs: number): { atMs: number; body: SidecarEventBody }[] {
    const bodies: SidecarEventBody[] = this.#turn ? [{ type: "turn.started", data: this.#turn }] : [];
    for (const childId of this.#children)
      bodies.push({ type: "child.started", data: { childId, title: "" } });
    for (const data of this.#messages.values()) bodies.push({ type: "message.started", data });
    for (const [requestId, kind] of this.#requests)
      bodies.push({ type: "request.opened", data: { requestId, kind, title: "", detail: "" } });
    const parts = [...this.#parts.values()].map((part) => ({
      atMs: part.startedAtMs,
      body: openerOf(part),
    }));
    return [...bodies.map((body) => ({ atMs: nowMs, body })), ...parts];
  }

  #openPart(data: EventDataOf<"part.started">, nowMs: number): OpenPart {
    const { messageId, partId, childId } = data;
    const tool = data.kind === "tool" ? (data.tool ?? "tool") : null;
    return { messageId, partId, kind: data.kind, tool, startedAtMs: nowMs, ...(childId ? { childId } : {}) };
  }

  #renameTool(partId: string, tool: string): void {
    const part = this.#parts.get(partId);
    if (part) part.tool = tool;
  }
}

function openerOf({ messageId, partId, kind, tool, childId }: OpenPart): SidecarEventBody {
  const place = { messageId, partId, ...(childId ? { childId } : {}) };
  return { type: "part.started", data: { ...place, kind, ...(tool === null ? {} : { tool }) } };
}

function closePart(part: OpenPart, reason: CloseReason, nowMs: number): SidecarEventBody {
  const { messageId, partId } = part;
  const place = { messageId, partId, ...(part.childId ? { childId: part.childId } : {}) };
  if (part.tool === null) return { type: "part.ended", data: place };
  const durationMs = Math.max(0, nowMs - part.startedAtMs);
  const ended = {
    tool: part.tool,
    status: "error" as const,
    title: part.tool,
    durationMs,
    error: REASON_TEXT[reason],
  };
  return { type: "tool.ended", data: { ...place, ...ended } };
}
