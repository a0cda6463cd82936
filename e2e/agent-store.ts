/** What an agent's own store holds, beside what the session's log says: the store is the truth after a fault. */
import { z } from "zod";
import type { SessionEvent } from "../sidecar/src/contract";
import { docker } from "./harness";

const STORE = "/state/agent/data/opencode/opencode.db";

const part = z.object({
  id: z.string(),
  type: z.string(),
  text: z.string().optional(),
  state: z.object({ status: z.string() }).optional(),
});
export type StoredPart = z.infer<typeof part>;

/** Reads with the agent's rights in its own container, so that nothing of it changes hands. */
const READ = `
const { DatabaseSync } = require("node:sqlite");
const db = new DatabaseSync(${JSON.stringify(STORE)}, { readOnly: true });
const rows = db.prepare("select part.id, part.data, json_extract(message.data, '$.role') as role from part join message on message.id = part.message_id order by part.id").all();
process.stdout.write(JSON.stringify(rows.filter((row) => row.role === "assistant").map((row) => ({ ...JSON.parse(row.data), id: row.id }))));
`;

/** The agent's parts of every conversation in the container's store. @param ask the engine that has the container */
export async function storedParts(container: string, ask: typeof docker = docker): Promise<StoredPart[]> {
  const text = await ask("exec", "-u", "1000", container, "node", "-e", READ);
  return z.array(part).parse(JSON.parse(text));
}

/** What is wrong with a log: holes, things twice, and what the store has and it has not. Empty: nothing. */
export function faultsOfLog(events: readonly SessionEvent[], stored: readonly StoredPart[]): string[] {
  return [...holes(events), ...twice(events), ...missing(events, stored)];
}

function holes(events: readonly SessionEvent[]): string[] {
  return events.flatMap(({ seq }, at) => (seq === at + 1 ? [] : [`seq ${seq} at place ${at + 1}`]));
}

/** Each of these happens once to whatever it names. */
function twice(events: readonly SessionEvent[]): string[] {
  const seen = new Set<string>();
  return events.flatMap((event) => {
    const name = onceNameOf(event);
    if (name === null) return [];
    if (seen.has(name)) return [`${name} twice`];
    seen.add(name);
    return [];
  });
}

function onceNameOf(event: SessionEvent): string | null {
  switch (event.type) {
    case "turn.started":
    case "turn.ended":
      return `${event.type} ${event.data.turnId}`;
    case "message.started":
    case "message.ended":
      return `${event.type} ${event.data.messageId}`;
    case "part.started":
    case "part.ended":
    case "tool.ended":
      return `${event.type} ${event.data.partId}`;
    default:
      return null;
  }
}

function missing(events: readonly SessionEvent[], stored: readonly StoredPart[]): string[] {
  const texts = new Map<string, string>();
  const ended = new Set<string>();
  for (const event of events) {
    if (event.type === "part.started") texts.set(event.data.partId, event.data.text ?? "");
    if (event.type === "part.delta")
      texts.set(event.data.partId, (texts.get(event.data.partId) ?? "") + event.data.text);
    if (event.type === "part.ended" && event.data.text !== undefined)
      texts.set(event.data.partId, event.data.text);
    if (event.type === "tool.ended") ended.add(event.data.partId);
  }
  return stored.flatMap(({ id, type, text = "", state }) => {
    if (type === "text" && !(texts.get(id) ?? "").startsWith(text))
      return [`text ${id}: the store has ${text.length} characters, the log ${texts.get(id)?.length}`];
    if (type === "tool" && state?.status === "completed" && !ended.has(id)) return [`tool ${id} has no end`];
    return [];
  });
}
