import { isNotNull, sql } from "drizzle-orm";
import type { Failure } from "../../../sidecar/src/contract";
import type { Driver } from "../../drivers/driver";
import type { Caller } from "../auth/caller";
import { isoNow } from "../clock";
import { type Replacing, sessions } from "../db/schema";
import type { EventLog } from "../events/event-log";
import { newId } from "../ids";
import type { Lifecycle } from "../sessions/lifecycle";
import {
  getSession,
  requireSession,
  type Session,
  type SessionRow,
  sessionView,
  setStatus,
} from "../sessions/session-store";
import { insertCopy } from "./copied-session";
import { insertSnapshot, makeSnapshot, type MakeDeps } from "./make-snapshot";
import { type Present, putBack } from "./put-back";
import { copying, cutShort, gone, requireQuiet, restored, restoring } from "./restore-texts";
import type { SnapshotPlace } from "./snapshot-files";
import { findSnapshot, isReady, type ReadySnapshot, setReplacing, type SnapshotRow } from "./snapshot-store";

export interface Restores {
  inPlace(caller: Caller, snapshot: ReadySnapshot): Promise<Session>;
  asCopy(caller: Caller, snapshot: ReadySnapshot): Promise<Session>;
  /** Does again what a server that ended was at, or what the engine did not let be done. Safe to call often. */
  takeUp(): void;
  /**
   * Something is being made of the snapshot, or it is all that there is of a session's files.
   * @param opts.except a session that does not count
   */
  uses(snapshot: Pick<SnapshotRow, "id">, opts?: { except?: string }): boolean;
}

export interface RestoreDeps extends Omit<MakeDeps, "driver"> {
  log: EventLog;
  driver: Pick<Driver, "whilePaused" | "exportVolumes" | "removeVolumes" | "importVolumes">;
  lifecycle: Pick<Lifecycle, "putAside">;
  /** @throws AppError `session_busy` when it is to be had soon, and another copy takes too long */
  takeLock(when: "soon" | "some time"): Promise<{ release(): void }>;
  requireDisk(): void;
  /** Work that goes on after the answer; whoever stops the service waits for it. */
  inBackground(work: Promise<void>): void;
}

interface Job {
  kind: Replacing["kind"];
  sessionId: string;
  snapshot: ReadySnapshot;
  present: Present;
  check(row: SessionRow): void;
}

export function createRestores(deps: RestoreDeps): Restores {
  const { db, log, clock, logger } = deps;
  /** Sessions at work, with the snapshot each is given. */
  const underWay = new Map<string, string>();

  const run = async (job: Job, onStopped: () => void): Promise<void> => {
    const { kind, sessionId, snapshot } = job;
    await deps.lifecycle.putAside(sessionId, {
      reason: kind === "copying" ? copying(snapshot) : restoring(snapshot),
      check: job.check,
      onStopped,
      ...(kind === "copying" ? { goesOn: true } : {}),
      async work() {
        const { isWhole, failure } = await putBack(deps, {
          ...job,
          snapshot: placeOf(snapshot),
          begins: (saved) =>
            setReplacing(db, sessionId, {
              kind,
              snapshotId: snapshot.id,
              savedId: saved?.snapshotId ?? null,
            }),
        });
        return {
          failure,
          tell(tx) {
            if (isWhole) setReplacing(tx.store, sessionId, null);
            if (failure === null && kind === "restoring") tx.append(sessionId, restored(snapshot));
          },
        };
      },
    });
  };
  /** @param prepare called once nobody else copies. @returns once the session is put aside; the rest goes on behind it */
  const begin = async (when: "soon" | "some time", prepare: () => Job): Promise<string> => {
    const lock = await deps.takeLock(when);
    return new Promise((resolve, reject) => {
      let sessionId: string | null = null;
      let isAside = false;
      const work = async () => {
        const job = prepare();
        sessionId = job.sessionId;
        underWay.set(job.sessionId, job.snapshot.id);
        await run(job, () => {
          isAside = true;
          resolve(job.sessionId);
        });
      };
      const ended = work()
        .catch((error: unknown) => {
          if (isAside) logger.error({ sessionId, err: error }, "a restore broke off");
          else reject(error instanceof Error ? error : new Error(String(error)));
        })
        .finally(() => {
          if (sessionId !== null) underWay.delete(sessionId);
          lock.release();
        });
      deps.inBackground(ended);
    });
  };
  const save = async (snapshot: { sessionId: string; name: string; createdBy: string }) => {
    const row = insertSnapshot(deps, { id: newId("snp"), ...snapshot });
    await makeSnapshot(deps, row, new AbortController().signal);
    return { sessionId: row.sessionId, snapshotId: row.id };
  };
  const halfOf = ({ savedId }: Replacing): Present => {
    const saved = savedId === null ? undefined : findSnapshot(db, savedId);
    return { files: "half", saved: saved !== undefined && isReady(saved) ? placeOf(saved) : null };
  };
  const takeUpOne = (row: SessionRow, replacing: Replacing | null) => {
    if (underWay.has(row.id)) return;
    const end = (reason: Failure) =>
      log.transaction((tx) => setStatus(tx, row.id, { status: "stopped", reason, agentState: "asleep" }));
    if (replacing === null) return end(cutShort());
    const snapshot = findSnapshot(db, replacing.snapshotId);
    if (snapshot === undefined || !isReady(snapshot)) return end(gone());
    const { kind } = replacing;
    underWay.set(row.id, snapshot.id);
    const job = { kind, sessionId: row.id, snapshot, present: halfOf(replacing), check: () => undefined };
    begin("some time", () => job).catch((err: unknown) => {
      underWay.delete(row.id);
      logger.error({ sessionId: row.id, err }, "restore not taken up");
    });
  };

  return {
    async inPlace(caller, snapshot) {
      const { sessionId: id, name } = snapshot;
      const check = () => requireQuiet(db, requireSession(db, caller, { id, access: "write" }));
      check();
      deps.requireDisk();
      await begin("soon", () => {
        const { replacing } = getSession(db, id);
        const whole: Present = {
          files: "whole",
          save: () =>
            save({ sessionId: id, name: `Before the restore of ${name}`, createdBy: caller.userId }),
        };
        const present = replacing === null ? whole : halfOf(replacing);
        return { kind: "restoring", sessionId: id, snapshot, present, check };
      });
      return sessionView(db, caller, getSession(db, id));
    },
    async asCopy(caller, snapshot) {
      deps.requireDisk();
      const id = await begin("soon", () => {
        const sessionId = newId("ses");
        const source = requireSession(db, caller, { id: snapshot.sessionId, access: "write" });
        const rows = { id: sessionId, ownerId: caller.userId, source, snapshot, now: isoNow(clock) };
        log.transaction((tx) => insertCopy(tx, { ...rows, reason: copying(snapshot) }));
        const present: Present = { files: "half", saved: null };
        return { kind: "copying", sessionId, snapshot, present, check: () => undefined };
      });
      return sessionView(db, caller, getSession(db, id));
    },
    takeUp() {
      for (const row of cutShortRows(db)) takeUpOne(row, row.replacing);
    },
    uses({ id }, { except } = {}) {
      const inRows = replacingRows(db).some(
        ({ id: sessionId, replacing }) =>
          sessionId !== except && (replacing?.snapshotId === id || replacing?.savedId === id),
      );
      return inRows || [...underWay].some(([sessionId, used]) => sessionId !== except && used === id);
    },
  };
}

function placeOf({ sessionId, id: snapshotId }: ReadySnapshot): SnapshotPlace {
  return { sessionId, snapshotId };
}

function replacingRows(db: RestoreDeps["db"]): SessionRow[] {
  return db.select().from(sessions).where(isNotNull(sessions.replacing)).all();
}

/** Those whose files are not whole, and those that were put aside and not touched yet. */
function cutShortRows(db: RestoreDeps["db"]): SessionRow[] {
  const code = sql`json_extract(${sessions.reason}, '$.code')`;
  return db
    .select()
    .from(sessions)
    .where(sql`${sessions.replacing} is not null or ${code} = 'restoring'`)
    .all();
}
