import type { EventBody, EventType, SessionEvent } from "../../../sidecar/src/contract";
import { hasStrings, isObject, parseObject } from "../_client/parse-json";

/** As the mirror keeps an event. */
export interface EventRow {
  seq: number;
  at: string;
  type: string;
  data: string;
}

const inPart = ["messageId", "partId"] as const;

/** Texts that the reducer needs of each type; the server checked the rest on receipt, with the contract's own schemas. */
const NEEDED = {
  "session.status": ["status", "agentState"],
  "session.updated": [],
  "session.restored": ["snapshotId", "name", "madeAt"],
  "prompt.queued": ["promptId", "text", "kind", "by"],
  "prompt.edited": ["promptId", "text"],
  "prompt.moved": ["promptId"],
  "prompt.started": ["promptId"],
  "prompt.cancelled": ["promptId"],
  "turn.started": ["turnId", "promptId"],
  "turn.ended": ["turnId", "promptId", "outcome"],
  "turn.reverted": ["messageId"],
  "message.started": ["messageId", "role"],
  "message.ended": ["messageId", "role"],
  "part.started": [...inPart, "kind"],
  "part.delta": [...inPart, "text"],
  "part.ended": inPart,
  "tool.input": [...inPart, "tool"],
  "tool.output": [...inPart, "suffix"],
  "tool.ended": [...inPart, "tool", "status", "title"],
  "request.opened": ["requestId", "kind", "title", "detail"],
  "request.closed": ["requestId", "outcome"],
  "changes.updated": [],
  "todo.updated": [],
  "child.started": ["childId", "title"],
  "child.ended": ["childId"],
  "usage.updated": ["messageId"],
  "retry.scheduled": ["message", "nextAt"],
  error: ["code", "message"],
} as const satisfies Record<EventType, readonly string[]>;

const LISTS: Partial<Record<EventType, string>> = { "changes.updated": "files", "todo.updated": "todos" };
const OBJECTS: Partial<Record<EventType, readonly string[]>> = {
  "tool.input": ["input"],
  "usage.updated": ["model", "tokens"],
};

/**
 * @returns null for an event of a type that this page does not know, as of a newer server, or of the wrong form: its
 *   number counts and nothing comes of it
 */
export function parseEvent(row: EventRow): SessionEvent | null {
  const data = parseObject(row.data);
  if (data === null) return null;
  const body = { type: row.type, data };
  return isBody(body) ? { seq: row.seq, at: row.at, ...body } : null;
}

function isBody(body: { type: string; data: Record<string, unknown> }): body is EventBody & typeof body {
  const { type, data } = body;
  if (!isKnown(type)) return false;
  const list = LISTS[type];
  return (
    hasStrings(data, NEEDED[type]) &&
    (list === undefined || Array.isArray(data[list])) &&
    (OBJECTS[type] ?? []).every((name) => isObject(data[name]))
  );
}

function isKnown(type: string): type is EventType {
  return Object.hasOwn(NEEDED, type);
}
