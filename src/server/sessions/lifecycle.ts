import { eq } from "drizzle-orm";
import type { Failure } from "../../../sidecar/src/contract";
import type { Driver } from "../../drivers/driver";
import type { Caller } from "../auth/caller";
import type { Clock } from "../clock";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import type { EventLog, LogTransaction } from "../events/event-log";
import { mark } from "../events/outbox";
import { newId } from "../ids";
import type { Logger } from "../log";
import type { Admission } from "./admission";
import type { Connections } from "./connections";
import { isLive, refusal, requireWhole, type SessionEnd } from "./decisions";
import { createEndings, type Endings } from "./endings";
import type { KeyedMutex } from "./keyed-mutex";
import { SESSION_LIMITS } from "./limits";
import { pause } from "./pause";
import type { PromptQueue } from "./prompt-queue";
import { discardInstance, untilWritten } from "./provisioner";
import { createReconciliation } from "./reconcile";
import type { Registrar } from "./registration";
import { firstInState, untilEnded } from "./running-prompt";
import { keepRead, setArchived } from "./session-marks";
import { deleteSession, insertSession, type NewSession } from "./session-rows";
import {
  findSession,
  getSession,
  requireSession,
  type Session,
  type SessionRow,
  sessionView,
  setStatus,
} from "./session-store";

/** The life of sessions. Acts of a person check their access; acts of the engine need none. */
export interface Lifecycle extends Endings {
  /**
   * Answers at once, status `creating`; the container comes up behind it, or when it is the session's turn.
   * @throws AppError `session_limit` when too many wait in line, `out_of_disk`
   */
  create(caller: Caller, input: NewSession): Session;
  stop(caller: Caller, id: string): Promise<Session>;
  /**
   * Stops a session that nobody uses, with the reason; it is no news to those who had read it.
   * @param isStillIdle asked when nothing else can happen to the session any more
   */
  stopIdle(id: string, reason: Failure, isStillIdle: () => boolean): Promise<void>;
  /**
   * Answers at once, status `creating`, out of the archive. It runs on the session image in force, or goes on with the one
   * before where it did not start on that.
   * @throws AppError `session_busy` when it runs already, `session_limit` when too many wait in line
   */
  resume(caller: Caller, id: string): Promise<Session>;
  /** Stop, then resume: a new container on the same volumes. One that waits in line keeps its place. */
  restart(caller: Caller, id: string): Promise<Session>;
  /** As {@link restart}, on the session image in force, even if the session did not start on that before. */
  rebuild(caller: Caller, id: string): Promise<Session>;
  /** Container, volumes and rows go; there is no way back, so only the session's owner may. */
  remove(caller: Caller, id: string): Promise<void>;
  /**
   * Stops a session, says why, and keeps everything else from it until `work` has replaced its files; then it goes on if it
   * ran, or `goesOn`. It does not wait for the session to be ready again.
   * @throws what `opts.check` throws; nothing has happened then
   */
  putAside(id: string, opts: PutAside): Promise<void>;
  /**
   * Brings rows and engine into one truth: at boot, and whenever engine events may have been missed.
   * @throws DriverError when the engine went away under it
   */
  reconcile(): Promise<void>;
  /** Waits for what is being started. Containers are left alone. */
  close(): Promise<void>;
}

export interface PutAside {
  reason: Failure;
  /** Given the session as it is when nothing else can happen to it any more. */
  check(row: SessionRow): void;
  /** It is, and says why. */
  onStopped(): void;
  /** @returns what stands in the log beside the end of it; `failure`: why it stays stopped. Never rejects. */
  work(): Promise<{ failure: Failure | null; tell(tx: LogTransaction): void }>;
  goesOn?: boolean;
}

interface Deps {
  db: Database;
  log: EventLog;
  clock: Clock;
  logger: Logger;
  driver: Driver;
  connections: Connections;
  admission: Admission;
  registrar: Registrar;
  queue: PromptQueue;
  /** Serialises acts on one session. */
  mutex: KeyedMutex;
  /** Sessions that are being stopped: their agents take no prompt any more. Lifecycle alone changes it. */
  halting: Set<string>;
  /** Of new sessions alone: one that exists may start again, as room is made in it. @throws AppError `out_of_disk` */
  requireDisk(): void;
  snapshots: {
    /** @throws AppError `session_busy` while one of the session's is being copied into another one */
    requireUnused(sessionId: string): void;
    /** Files of all of a session's. */
    removeAll(sessionId: string): Promise<void>;
  };
  /** A container that ran while no server was there is about to be talked to again. */
  onAdopt(sessionId: string): void;
}

export function createLifecycle(deps: Deps): Lifecycle {
  const { db, log, mutex, admission } = deps;
  const closing = new AbortController();

  /** Alone with the session; what ends in it makes room for the next in line. */
  const alone = async (id: string, work: () => Promise<void>) => {
    try {
      await mutex.run(`life:${id}`, work);
    } finally {
      admission.next();
    }
  };

  /** Under the session's mutex. */
  const halt = async (id: string, reason: Failure | null = null) => {
    deps.halting.add(id);
    try {
      // Who waits in line is out of it and stopped in one, whatever fails behind.
      if (getSession(db, id).queuePlace !== null)
        log.transaction((tx) => setStatus(tx, id, { status: "stopped", reason, agentState: "asleep" }));
      await admission.cancel(id);
      await endTurn(deps, id);
      await discardInstance(deps, id, SESSION_LIMITS.stopGraceMs);
      log.transaction((tx) => setStatus(tx, id, { status: "stopped", reason, agentState: "asleep" }));
    } finally {
      deps.halting.delete(id);
    }
  };
  /** Under the session's mutex. */
  const launch = (id: string, opts: { first: boolean }) => {
    log.transaction((tx) => {
      setArchived(tx, getSession(tx.store, id), null);
      setStatus(tx, id, { status: "creating", agentState: "waking" });
      admission.lineUp(tx, id, opts);
    });
    admission.begin(id);
  };
  const view = (caller: Caller, id: string) => sessionView(db, caller, getSession(db, id));
  /** Under the session's mutex. */
  const end = async (sessionId: string, { status, reason }: SessionEnd) => {
    await admission.cancel(sessionId);
    await discardInstance(deps, sessionId);
    log.transaction((tx) => setStatus(tx, sessionId, { status, reason, agentState: "asleep" }));
    admission.next();
  };

  /** Under the session's mutex. */
  const startAgain = async (id: string, why: Failure) => {
    await discardInstance(deps, id);
    log.transaction((tx) => tx.append(id, { type: "error", data: why }));
    launch(id, { first: true });
  };

  /** Under the session's mutex. */
  const replaceFiles = async (id: string, opts: PutAside) => {
    const before = getSession(db, id);
    opts.check(before);
    await halt(id, opts.reason);
    opts.onStopped();
    // A container that could not be removed still has the files.
    const { failure, tell } = getSession(db, id).instanceId === null ? await opts.work() : CONTAINER_STAYS;
    await untilWritten(deps, closing.signal, () =>
      log.transaction((tx) => {
        tell(tx);
        setStatus(tx, id, { status: "stopped", reason: failure, agentState: "asleep" });
      }),
    );
    const ran = isLive(before.status);
    if (failure === null && (opts.goesOn ?? ran)) launch(id, { first: ran });
  };

  const renew = async (caller: Caller, id: string, opts: { triesFailedImage: boolean }) => {
    await alone(id, async () => {
      const row = requireSession(db, caller, { id, access: "write" });
      requireWhole(row);
      const waits = row.queuePlace !== null;
      const ran = isLive(row.status);
      if (!ran) admission.requireRoom(db);
      if (!waits) await halt(id);
      if (opts.triesFailedImage)
        db.update(sessions).set({ failedImage: null }).where(eq(sessions.id, id)).run();
      if (!waits) launch(id, { first: ran });
    });
    return view(caller, id);
  };

  const reconcile = createReconciliation(deps, {
    startAnew: (id) => launch(id, { first: true }),
    isStarting: (id) => admission.isStarting(id),
    onAdopt: deps.onAdopt,
    end,
  });

  return {
    create(caller, input) {
      deps.requireDisk();
      const id = newId("ses");
      log.transaction((tx) => {
        admission.requireRoom(tx.store);
        insertSession(tx.store, { id, ownerId: caller.userId, input, now: new Date(deps.clock.now()) });
        tx.append(id, {
          type: "session.status",
          data: { status: "creating", step: null, reason: null, agentState: "waking" },
        });
        admission.lineUp(tx, id);
        if (input.prompt !== undefined) {
          const prompt = { sessionId: id, userId: caller.userId, key: `create:${id}`, text: input.prompt };
          deps.queue.insert(tx, { ...prompt, kind: "prompt" });
        }
      });
      admission.begin(id);
      return view(caller, id);
    },
    async stop(caller, id) {
      await alone(id, async () => {
        if (requireSession(db, caller, { id, access: "write" }).status !== "stopped") await halt(id);
      });
      return view(caller, id);
    },
    stopIdle: (id, reason, isStillIdle) =>
      alone(id, async () => {
        const before = findSession(db, id);
        if (before?.status !== "idle" || !isStillIdle()) return;
        await halt(id, reason);
        // Somebody came while it stopped.
        if (firstInState(db, id, "queued")) launch(id, { first: true });
        else log.transaction((tx) => keepRead(tx, getSession(tx.store, id), before.lastSeq));
      }),
    async resume(caller, id) {
      await alone(id, async () => {
        const row = requireSession(db, caller, { id, access: "write" });
        requireWhole(row);
        const no = refusal("resume", row.status);
        if (no) throw no;
        if (row.status === "idle") return;
        admission.requireRoom(db);
        launch(id, { first: false });
      });
      return view(caller, id);
    },
    restart: (caller, id) => renew(caller, id, { triesFailedImage: false }),
    rebuild: (caller, id) => renew(caller, id, { triesFailedImage: true }),
    async remove(caller, id) {
      await alone(id, async () => {
        requireSession(db, caller, { id, access: "own" });
        deps.snapshots.requireUnused(id);
        await halt(id);
        await deps.driver.removeVolumes(id);
        await deps.snapshots.removeAll(id);
        log.transaction((tx) => {
          deleteSession(tx.store, id);
          mark(tx.store, [{ topic: "session", key: id }]);
        });
        log.forget(id);
      });
    },
    putAside: (id, opts) => alone(id, () => replaceFiles(id, opts)),
    async reconcile() {
      await reconcile();
      admission.open();
    },
    ...createEndings(deps, { end, startAgain }),
    async close() {
      closing.abort();
      await admission.close();
    },
  };
}

const CONTAINER_STAYS = {
  failure: {
    code: "not_restored",
    message:
      "The session's container could not be removed, so its files were not touched. See that Docker answers, then try again.",
  },
  tell: () => undefined,
};

/** Asks a running turn to end and gives it a moment, so that its last words are in the log. What waits in line stays there. */
async function endTurn(deps: Deps, sessionId: string): Promise<void> {
  // One that is being handed over arrives first: else it would begin behind the abort, and die with the container.
  const arrived = deps.mutex.run(sessionId, async () => undefined);
  await Promise.race([arrived, pause(SESSION_LIMITS.abortGraceMs)]);
  const connection = deps.connections.get(sessionId);
  const running = firstInState(deps.db, sessionId, "running");
  if (!connection || !running) return;
  connection.client.abort().catch((error: unknown) => {
    // The container is about to end anyway; its spool keeps what it could not say.
    deps.logger.debug({ sessionId, err: error }, "abort before stop not delivered");
  });
  await untilEnded(deps.db, running.id);
}
