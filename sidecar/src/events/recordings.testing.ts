import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EventDataOf, SidecarEventBody, SidecarEventType } from "../contract";
import { agentEvent, type AgentEvent, type AgentHistory } from "../opencode/wire";
import { Normaliser } from "./normaliser";

const DIRECTORY = join(import.meta.dirname, "fixtures");
/** All recordings were made in November 2026. */
const BEFORE_ALL_MS = Date.UTC(2026, 10, 1);

/** Names of the recorded turns: what opencode 1.18.33 sent on `/global/event`, without the types that nobody reads. */
export const RECORDINGS = readdirSync(DIRECTORY).map((name) => name.replace(/\.json$/, ""));

export function recording(name: string): AgentEvent[] {
  const json = JSON.parse(readFileSync(join(DIRECTORY, `${name}.json`), "utf8")) as unknown[];
  return json.flatMap((event) => {
    const parsed = agentEvent.safeParse(event);
    return parsed.success ? [parsed.data] : [];
  });
}

/** What readers get of a recorded turn. */
export function replay(events: readonly AgentEvent[]): SidecarEventBody[] {
  const normaliser = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
  normaliser.beginTurn({ turnId: "trn_1", startedAtMs: BEFORE_ALL_MS });
  return events.flatMap((event) => normaliser.take(event));
}

/** opencode's record of a turn, as `GET /session/:id/message` gives it. */
export function historyOf(source: readonly AgentEvent[]): AgentHistory {
  const messages = new Map<string, Extract<AgentEvent, { type: "message.updated" }>["properties"]["info"]>();
  const parts = new Map<
    string,
    Extract<AgentEvent, { type: "message.part.updated" }>["properties"]["part"]
  >();
  for (const event of source) {
    if (event.type === "message.updated") messages.set(event.properties.info.id, event.properties.info);
    if (event.type === "message.part.updated") parts.set(event.properties.part.id, event.properties.part);
  }
  return [...messages.values()].map((info) => ({
    info,
    parts: [...parts.values()].filter((part) => part.messageID === info.id),
  }));
}

export function ofType<T extends SidecarEventType>(
  events: readonly SidecarEventBody[],
  type: T,
): EventDataOf<T>[] {
  return events.flatMap((event) => (event.type === type ? [event.data as EventDataOf<T>] : []));
}

/** The text of a part as a reader puts it together. */
export function textOf(events: readonly SidecarEventBody[], partId: string): string {
  let text = "";
  for (const event of events) {
    if (!("partId" in event.data) || event.data.partId !== partId) continue;
    if (event.type === "part.started") text = event.data.text ?? "";
    if (event.type === "part.delta") text += event.data.text;
    if (event.type === "part.ended") text = event.data.text ?? text;
    if (event.type === "tool.output") text += event.data.suffix;
  }
  return text;
}
