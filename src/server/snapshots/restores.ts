import { inArray, sql } from "drizzle-orm";
import type { Failure } from "../../../sidecar/src/contract";
import type { Driver } from "../../drivers/driver";
import type { Caller } from "../auth/caller";
import { isoNow } from "../clock";
import { sessions } from "../db/schema";
import { AppError } from "../errors";
import type { EventLog, LogTransaction } from "../events/event-log";
import { newId } from "../ids";
import { REPLACING, requireWhole } from "../sessions/decisions";
import type { Lifecycle } from "../sessions/lifecycle";
import { firstInState } from "../sessions/running-prompt";
import {
  getSession,
  requireSession,
  type Session,
  type SessionRow,
  sessionView,
} from "../sessions/session-store";
import { insertCopy } from "./copied-session";
import { insertSnapshot, makeSnapshot, type MakeDeps } from "./make-snapshot";
import { putBack } from "./put-back";
import type { SnapshotPlace } from "./snapshot-files";
import { findSnapshot, isReady, type ReadySnapshot } from "./snapshot-store";

export interface Restores {
  inPlace(caller: Caller, snapshot: ReadySnapshot): Promise<Session>;
  asCopy(caller: Caller, snapshot: ReadySnapshot): Promise<Session>;
  /** Does again what a server that ended was at: until it is done, nothing runs on the session's files. */
  takeUp(): void;
}

export interface RestoreDeps extends Omit<MakeDeps, "driver"> {
  log: EventLog;
  driver: Pick<Driver, "whilePaused" | "exportVolumes" | "removeVolumes" | "importVolumes">;
  lifecycle: Pick<Lifecycle, "putAside">;
  /** @throws AppError `session_busy` when another copy takes too long */
  takeLock(): Promise<{ release(): void }>;
  requireDisk(): void;
  /** Work that goes on after the answer; whoever stops the service waits for it. */
  inBackground(work: Promise<void>): void;
}

interface Job {
  sessionId: string;
  snapshot: ReadySnapshot;
  reason: Failure;
  check(row: SessionRow): void;
  keepPresent: (() => Promise<SnapshotPlace>) | null;
  tell(tx: LogTransaction): void;
  goesOn?: boolean;
}

export function createRestores(deps: RestoreDeps): Restores {
  const { db, log, clock, logger } = deps;

  /** @param prepare called once nobody else copies. @returns once the session is put aside; the rest goes on behind it */
  const begin = async (prepare: () => Job): Promise<string> => {
    const lock = await deps.takeLock();
    return new Promise((resolve, reject) => {
      let isAside = false;
      const run = async () => {
        const job = prepare();
        await deps.lifecycle.putAside(job.sessionId, {
          ...job,
          onStopped() {
            isAside = true;
            resolve(job.sessionId);
          },
          async work() {
            const failure = await putBack(deps, { ...job, snapshot: placeOf(job.snapshot) });
            return { failure, tell: (tx) => (failure === null ? job.tell(tx) : undefined) };
          },
        });
      };
      const ended = run()
        .catch((error: unknown) => {
          if (isAside) logger.error({ err: error }, "a restore broke off");
          else reject(error instanceof Error ? error : new Error(String(error)));
        })
        .finally(() => lock.release());
      deps.inBackground(ended);
    });
  };
  const save = async (row: { id: string; sessionId: string; name: string; createdBy: string }) => {
    await makeSnapshot(deps, insertSnapshot(deps, row), new AbortController().signal);
    return { sessionId: row.sessionId, snapshotId: row.id };
  };
  const inPlace = (
    snapshot: ReadySnapshot,
    opts: { by: string; check(row: SessionRow): void; saved?: SnapshotPlace; goesOn?: boolean },
  ): Job => {
    const { sessionId, name } = snapshot;
    const id = opts.saved?.snapshotId ?? newId("snp");
    const { saved } = opts;
    return {
      ...opts,
      sessionId,
      snapshot,
      reason: restoring(snapshot, id),
      keepPresent: () =>
        saved === undefined
          ? save({ id, sessionId, name: `Before the restore of ${name}`, createdBy: opts.by })
          : Promise.resolve(saved),
      tell: (tx) => tx.append(sessionId, restored(snapshot)),
    };
  };
  const copy = (sessionId: string, snapshot: ReadySnapshot): Job => ({
    sessionId,
    snapshot,
    reason: copying(snapshot),
    check: () => undefined,
    keepPresent: null,
    tell: () => undefined,
    goesOn: true,
  });

  return {
    async inPlace(caller, snapshot) {
      const { sessionId: id } = snapshot;
      const check = () => {
        const row = requireSession(db, caller, { id, access: "write" });
        requireQuiet(deps, row);
      };
      check();
      deps.requireDisk();
      await begin(() => inPlace(snapshot, { by: caller.userId, check }));
      return sessionView(db, caller, getSession(db, id));
    },
    async asCopy(caller, snapshot) {
      deps.requireDisk();
      const id = await begin(() => {
        const copied = newId("ses");
        const source = requireSession(db, caller, { id: snapshot.sessionId, access: "write" });
        const rows = { id: copied, ownerId: caller.userId, source, snapshot, now: isoNow(clock) };
        log.transaction((tx) => insertCopy(tx, { ...rows, reason: copying(snapshot) }));
        return copy(copied, snapshot);
      });
      return sessionView(db, caller, getSession(db, id));
    },
    takeUp() {
      for (const row of putAside(deps)) {
        const [snapshotId = "", savedId = ""] = row.reason?.detail?.split(" ") ?? [];
        const snapshot = findSnapshot(db, snapshotId);
        const saved = findSnapshot(db, savedId);
        if (snapshot === undefined || !isReady(snapshot)) continue;
        const again = () =>
          row.reason?.code === REPLACING.copying
            ? copy(row.id, snapshot)
            : inPlace(snapshot, {
                by: row.ownerId,
                check: () => undefined,
                ...(saved && isReady(saved) ? { saved: placeOf(saved) } : {}),
              });
        begin(again).catch((err: unknown) =>
          logger.error({ sessionId: row.id, err }, "restore not taken up"),
        );
      }
    },
  };
}

function placeOf({ sessionId, id: snapshotId }: ReadySnapshot): SnapshotPlace {
  return { sessionId, snapshotId };
}

/** A turn would be cut off, and what waits was asked of the files as they are. @throws AppError */
function requireQuiet({ db }: Pick<RestoreDeps, "db">, row: SessionRow): void {
  if (row.reason?.code !== REPLACING.failed) requireWhole(row);
  const what = firstInState(db, row.id, "running")
    ? "The agent is at work. Stop it, or wait until it is done"
    : firstInState(db, row.id, "queued")
      ? "Prompts wait in line. Cancel them, or let them run first"
      : row.status === "creating"
        ? "The session is being started. Wait until it is ready"
        : null;
  if (what !== null) throw new AppError("CONFLICT", "session_busy", `${what}; then restore the snapshot.`);
}

/** Sessions whose files were being replaced when a server ended. */
function putAside({ db }: Pick<RestoreDeps, "db">): SessionRow[] {
  const code = sql`json_extract(${sessions.reason}, '$.code')`;
  return db
    .select()
    .from(sessions)
    .where(inArray(code, [REPLACING.restoring, REPLACING.copying]))
    .all();
}

/** `detail`: what a server that takes it up needs. */
function restoring({ id, name }: ReadySnapshot, savedId: string): Failure {
  return {
    code: REPLACING.restoring,
    message: `The files of the snapshot “${name}” are being put back. What the session had is kept as a snapshot of its own.`,
    detail: `${id} ${savedId}`,
  };
}

function copying({ id, name }: ReadySnapshot): Failure {
  return {
    code: REPLACING.copying,
    message: `The files of the snapshot “${name}” are being copied. The session starts when they are there.`,
    detail: id,
  };
}

function restored({ id, name, createdAt, lastSeq }: ReadySnapshot) {
  const data = { snapshotId: id, name, madeAt: createdAt, seq: lastSeq };
  return { type: "session.restored" as const, data };
}
