import { stat } from "node:fs/promises";
import { join } from "node:path";
import { and, count, eq, inArray, isNull } from "drizzle-orm";
import { sessionStatus, type SessionStatus } from "../../../sidecar/src/contract";
import { type Database, DATABASE_FILE } from "../db/database";
import { prompts, requests, sessions } from "../db/schema";
import type { MirrorLag } from "../mirror/pusher";
import { countWaiting } from "../sessions/line";
import { diskRoom, isDiskLow } from "../storage/disk-room";

export interface DiskReading {
  /** Of the file system that holds the data directory, for this account. */
  freeBytes: number;
  totalBytes: number;
  /** Somebody should look before events cannot be written. */
  isLow: boolean;
  /** The database with what is not yet written back to it. */
  databaseBytes: number;
}

/** What there is now. Read when somebody looks, and then alone. */
export interface Readings {
  /** `queued`: those in status `creating` that wait in line; `creating` has the others. */
  sessions: Record<SessionStatus | "queued", number>;
  /** Sessions that run and whose events do not come in. */
  streamsDown: number;
  promptsWaiting: number;
  requestsOpen: number;
  mirror: MirrorLag;
  disk: DiskReading;
}

export function createReadings(deps: {
  db: Database;
  dataDir: string;
  /** Whether the session's events come in. */
  isStreaming(sessionId: string): boolean;
  mirrorLag(): MirrorLag;
}): () => Promise<Readings> {
  const { db } = deps;
  return async () => {
    const running = db
      .select({ id: sessions.id })
      .from(sessions)
      .where(inArray(sessions.status, ["active", "idle"]))
      .all();
    return {
      sessions: sessionsByStatus(db),
      streamsDown: running.filter(({ id }) => !deps.isStreaming(id)).length,
      promptsWaiting: promptsWaiting(db),
      requestsOpen: requestsOpen(db),
      mirror: deps.mirrorLag(),
      disk: await readDisk(deps.dataDir),
    };
  };
}

function sessionsByStatus(db: Database): Readings["sessions"] {
  const rows = db
    .select({ status: sessions.status, n: count() })
    .from(sessions)
    .groupBy(sessions.status)
    .all();
  const none = Object.fromEntries(sessionStatus.options.map((status) => [status, 0]));
  const there = Object.fromEntries(rows.map(({ status, n }) => [status, n]));
  const all = { ...none, ...there } as Record<SessionStatus, number>;
  const queued = countWaiting(db);
  return { ...all, creating: all.creating - queued, queued };
}

/** By way of their sessions, as the index wants: prompts of all times are in this table. */
function promptsWaiting(db: Database): number {
  const isWaiting = and(eq(prompts.sessionId, sessions.id), eq(prompts.state, "queued"));
  return db.select({ n: count() }).from(sessions).innerJoin(prompts, isWaiting).get()?.n ?? 0;
}

function requestsOpen(db: Database): number {
  return db.select({ n: count() }).from(requests).where(isNull(requests.closedAt)).get()?.n ?? 0;
}

async function readDisk(dataDir: string): Promise<DiskReading> {
  const { freeBytes, totalBytes } = diskRoom(dataDir);
  const sizes = await Promise.all(
    [DATABASE_FILE, `${DATABASE_FILE}-wal`].map((name) => size(join(dataDir, name))),
  );
  return {
    freeBytes,
    totalBytes,
    isLow: isDiskLow({ freeBytes, totalBytes }),
    databaseBytes: sizes.reduce((sum, bytes) => sum + bytes, 0),
  };
}

/** 0 for a file that is not there, as the write-ahead log after a clean end. */
async function size(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return 0;
    throw error;
  }
}
