import { join } from "node:path";
import type { SessionEvent } from "../sidecar/src/contract";
import { parseEventBody } from "../sidecar/src/contract";
import { systemClock } from "../src/server/clock";
import { openDatabase } from "../src/server/db/database";
import { createEventLog } from "../src/server/events/event-log";
import { ROOT } from "./context";

/** What names a thing of one turn. */
const OWN_IDS: ReadonlySet<string> = new Set(["promptId", "turnId", "messageId", "partId"]);

/**
 * Appends a session's turns to its log again and again, each time as turns of their own, until it has `events` events. The
 * server must not run.
 */
export function repeatTurns(
  dataDir: string,
  { sessionId, turns, events }: { sessionId: string; turns: readonly SessionEvent[]; events: number },
): void {
  const { db, close } = openDatabase({ dataDir, migrationsDir: join(ROOT, "src/server/db/migrations") });
  try {
    const log = createEventLog({ db, clock: systemClock });
    log.transaction((tx) => {
      for (let copy = 1, lastSeq = 0; lastSeq < events; copy++) {
        for (const { type, data } of turns) {
          lastSeq = tx.append(sessionId, parseEventBody(type, renamed(data, copy))).seq;
        }
      }
    });
  } finally {
    close();
  }
}

function renamed(data: SessionEvent["data"], copy: number): unknown {
  const rename = (key: string, value: unknown): unknown =>
    OWN_IDS.has(key) && typeof value === "string" ? `${value}-${copy}` : value;
  return JSON.parse(JSON.stringify(data), rename);
}
