import type { SidecarEventBody } from "../contract";
import type { ToldChild } from "./told-turn";

interface Child {
  title: string;
  state: "made" | "running" | "ended";
  /** The tool part that runs it. */
  partId?: string;
}

/** opencode's sessions that belong to this conversation: the main one, and those that its sub-agents run in. */
export class ChildSessions {
  /** opencode's id of the main conversation. */
  readonly main: string;
  readonly #children = new Map<string, Child>();

  constructor(main: string) {
    this.main = main;
  }

  knows(sessionId: string): boolean {
    return sessionId === this.main || this.#children.has(sessionId);
  }

  /** The field that marks a sub-agent's events; empty for the main conversation. */
  placeOf(sessionId: string): { childId?: string } {
    return sessionId === this.main ? {} : { childId: sessionId };
  }

  /** One that another process told of. */
  takeUp({ data: { childId, title, partId }, ended }: ToldChild): void {
    this.#children.set(childId, { title, state: ended ? "ended" : "running", ...(partId ? { partId } : {}) });
  }

  created(info: { id: string; parentID?: string | undefined; title: string }): void {
    if (info.parentID && this.knows(info.parentID))
      this.#children.set(info.id, { title: info.title, state: "made" });
  }

  /** A task tool names the session it runs in: announced with its place, also when an earlier one goes on. */
  linked(sessionId: string, place: { messageId: string; partId: string }, title: string): SidecarEventBody[] {
    const { messageId, partId } = place;
    const child: Child = this.#children.get(sessionId) ?? { title, state: "made" };
    // A tool repeats the link with each of its updates, also after its session has ended.
    if (child.state === "running" || child.partId === partId || sessionId === this.main) return [];
    this.#children.set(sessionId, { ...child, state: "running", partId });
    return [
      { type: "child.started", data: { childId: sessionId, title: child.title || title, messageId, partId } },
    ];
  }

  /** The start of a sub-agent that speaks before its tool has named it. */
  announce(sessionId: string): SidecarEventBody[] {
    const child = this.#children.get(sessionId);
    if (!child || child.state !== "made") return [];
    child.state = "running";
    return [{ type: "child.started", data: { childId: sessionId, title: child.title } }];
  }

  /** Those that have begun and not ended. */
  running(): string[] {
    return [...this.#children].flatMap(([id, { state }]) => (state === "running" ? [id] : []));
  }

  ended(sessionId: string): SidecarEventBody[] {
    const child = this.#children.get(sessionId);
    if (!child || child.state !== "running") return [];
    child.state = "ended";
    return [{ type: "child.ended", data: { childId: sessionId } }];
  }
}
