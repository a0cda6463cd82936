import type { AgentRequest } from "../../server/requests/requests";
import type { Session } from "../../server/sessions/session-store";
import { hasStrings, isObject, parseObject } from "../_client/parse-json";

/** A session with what the caller has read of it. */
export type SessionSummary = Session;

const SESSION_TEXTS = [
  "id",
  "title",
  "status",
  "agent",
  "permissionMode",
  "visibility",
  "agentState",
] as const;
const SESSION_TIMES = ["createdAt", "lastActivityAt"] as const;
const REQUEST_TEXTS = ["id", "sessionId", "kind", "title", "detail", "openedAt", "deadline"] as const;

/** @param row.data the server's own JSON; what a page would stumble over is checked, the rest is taken as the API gives it */
export function parseSession(row: { data: string; unread: boolean }): SessionSummary | null {
  const value = parseObject(row.data);
  if (value === null) return null;
  // A Convex elsewhere may hold a row that an older server wrote.
  const session = { idleStopMinutes: null, stopsAt: null, image: null, version: null, queue: null, ...value };
  return isSession(session) ? { ...session, unread: row.unread } : null;
}

function isSession(
  value: Record<string, unknown>,
): value is Record<string, unknown> & Omit<Session, "unread"> {
  const { model, owner, reason } = value;
  return (
    hasStrings(value, SESSION_TEXTS) &&
    hasStrings(value, SESSION_TIMES) &&
    isObject(model) &&
    hasStrings(model, ["providerId", "modelId"]) &&
    isObject(owner) &&
    hasStrings(owner, ["id", "name"]) &&
    (reason === null || (isObject(reason) && hasStrings(reason, ["code", "message"]))) &&
    typeof value.lastSeq === "number" &&
    typeof value.busy === "boolean" &&
    typeof value.needsInput === "boolean"
  );
}

export function parseRequest(row: { data: string }): AgentRequest | null {
  const value = parseObject(row.data);
  if (value === null) return null;
  // A Convex elsewhere may hold a row that an older server wrote.
  const request = { always: null, ...value };
  return isRequest(request) ? request : null;
}

function isRequest(value: Record<string, unknown>): value is Record<string, unknown> & AgentRequest {
  const { questions } = value;
  return (
    hasStrings(value, REQUEST_TEXTS) &&
    isTexts(value.patterns) &&
    isTexts(value.always) &&
    (questions === null || Array.isArray(questions))
  );
}

function isTexts(value: unknown): value is string[] | null {
  return value === null || (Array.isArray(value) && value.every((text) => typeof text === "string"));
}
