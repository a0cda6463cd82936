import type { ModelRef, SessionEvent } from "../../../sidecar/src/contract";
import { timelineWindow, type TimelineWindow } from "../../timeline/window";
import type { Caller } from "../auth/caller";
import { type Clock, isoNow } from "../clock";
import type { Database } from "../db/database";
import type { Visibility } from "../db/schema";
import type { EventLog, LogTransaction } from "../events/event-log";
import type { Models } from "../models/models";
import type { Page } from "../page-cursor";
import { refusal } from "./decisions";
import type { IdleStop } from "./idle-stop";
import type { Lifecycle } from "./lifecycle";
import { hasRead, markRead, setArchived, setIdleStop, setTitle, setVisibility } from "./session-marks";
import type { NewSession } from "./session-rows";
import {
  type Access,
  getSession,
  listSessions,
  mayStill,
  requireSession,
  type Session,
  type SessionFilter,
  type SessionRow,
  sessionView,
} from "./session-store";
import type { Timelines } from "./timelines";

/** What a new session runs on when nothing is said: it needs no key. */
const DEFAULT_MODEL: ModelRef = { providerId: "demo", modelId: "demo-1" };

export interface Sessions extends Pick<Lifecycle, "stop" | "resume" | "restart" | "rebuild" | "remove"> {
  /** @throws AppError `unknown_model` or `no_key` before anything is made. */
  create(caller: Caller, input: Omit<NewSession, "model"> & { model?: ModelRef | undefined }): Session;
  get(caller: Caller, id: string): Session;
  /** `archived`: those in the archive, or else the others. */
  list(caller: Caller, filter: SessionFilter): Page<Session>;
  rename(caller: Caller, opts: { id: string; title: string }): Session;
  /**
   * Who else sees and steers the session; its owner's to say, nobody else's. Streams and terminals of people who lose
   * their access end at once. Prompts of theirs that were taken before still run.
   */
  share(caller: Caller, opts: { id: string; visibility: Visibility }): Session;
  /**
   * Puts the session away or takes it out again; so does resuming it.
   * @throws AppError `session_busy` when it is to be put away and runs.
   */
  archive(caller: Caller, opts: { id: string; archived: boolean }): Session;
  /** Somebody looks at the session: it is not idle for {@link SESSION_LIMITS.watchMs} from now. */
  watch(caller: Caller, id: string): Session;
  /** @param opts.minutes without use after which it is stopped; null: as the installation says; 0: never */
  setIdleStop(caller: Caller, opts: { id: string; minutes: number | null }): Session;
  /** The caller has read everything up to now. */
  markRead(caller: Caller, id: string): Session;
  /** The conversation, newest `limit` messages before `beforeSeq`. */
  timeline(
    caller: Caller,
    opts: { id: string; beforeSeq?: number | undefined; limit: number },
  ): Promise<TimelineWindow>;
  /** Replay after `afterSeq`, then live, until the signal, the session's end, or the end of the caller's access. */
  follow(
    caller: Caller,
    opts: { id: string; afterSeq: number; signal: AbortSignal },
  ): AsyncIterable<SessionEvent[]>;
}

export function createSessions(deps: {
  db: Database;
  log: EventLog;
  clock: Clock;
  lifecycle: Lifecycle;
  timelines: Timelines;
  models: Pick<Models, "resolve">;
  idle: Pick<IdleStop, "seen" | "watch">;
  /** Ends the terminals of people who have lost their access; event streams see to it themselves. */
  recheckAccess(sessionId: string): void;
}): Sessions {
  const { db, log, lifecycle } = deps;
  const readable = (caller: Caller, id: string) => requireSession(db, caller, { id, access: "read" });
  const view = (caller: Caller, id: string) => sessionView(db, caller, readable(caller, id));
  /** What a person changes is nothing new to them: a session that they had read stays read. */
  const change = (
    caller: Caller,
    opts: { id: string; access: Access },
    act: (tx: LogTransaction, row: SessionRow) => void,
  ): void => {
    const before = log.transaction((tx) => {
      const row = requireSession(tx.store, caller, opts);
      act(tx, row);
      return row;
    });
    if (hasRead(db, caller.userId, before))
      log.transaction((tx) => markRead(tx, caller.userId, getSession(tx.store, opts.id)));
  };
  return {
    stop: (caller, id) => lifecycle.stop(caller, id),
    resume: (caller, id) => lifecycle.resume(caller, id),
    restart: (caller, id) => lifecycle.restart(caller, id),
    rebuild: (caller, id) => lifecycle.rebuild(caller, id),
    async remove(caller, id) {
      await lifecycle.remove(caller, id);
      deps.timelines.forget(id);
    },
    create(caller, input) {
      const model = input.model ?? DEFAULT_MODEL;
      deps.models.resolve(caller.userId, model);
      return lifecycle.create(caller, { ...input, model });
    },
    get: view,
    list: (caller, filter) => listSessions(db, caller, filter),
    rename(caller, { id, title }) {
      change(caller, { id, access: "write" }, (tx, row) => setTitle(tx, row, title));
      return view(caller, id);
    },
    share(caller, { id, visibility }) {
      change(caller, { id, access: "own" }, (tx, row) => setVisibility(tx, row, visibility));
      deps.recheckAccess(id);
      return view(caller, id);
    },
    archive(caller, { id, archived }) {
      change(caller, { id, access: "write" }, (tx, row) => {
        const no = archived ? refusal("archive", row.status) : null;
        if (no) throw no;
        setArchived(tx, row, archived ? isoNow(deps.clock) : null);
      });
      return view(caller, id);
    },
    watch(caller, id) {
      readable(caller, id);
      deps.idle.seen(id);
      return view(caller, id);
    },
    setIdleStop(caller, { id, minutes }) {
      log.transaction((tx) => {
        requireSession(tx.store, caller, { id, access: "write" });
        setIdleStop(tx, id, minutes);
      });
      return view(caller, id);
    },
    markRead(caller, id) {
      const row = readable(caller, id);
      // A page says so with each turn; nothing is written when it is so already.
      if (!hasRead(db, caller.userId, row)) log.transaction((tx) => markRead(tx, caller.userId, row));
      return view(caller, id);
    },
    async timeline(caller, opts) {
      readable(caller, opts.id);
      const timeline = await deps.timelines.of(opts.id);
      // That may take a while, in which the session was removed or the caller lost sight of it.
      readable(caller, opts.id);
      return timelineWindow(timeline, { beforeSeq: opts.beforeSeq, limit: opts.limit });
    },
    follow(caller, opts) {
      readable(caller, opts.id);
      const events = whileAllowed(log.follow(opts.id, opts.afterSeq, opts.signal), () =>
        mayStill(db, { userId: caller.userId, id: opts.id, access: "read" }),
      );
      return watched(events, () => deps.idle.watch(opts.id));
    },
  };
}

/** Ends before the first batch that may not be seen: the event that takes the access away wakes the reader and is withheld. */
async function* whileAllowed(
  batches: AsyncIterable<SessionEvent[]>,
  isAllowed: () => boolean,
): AsyncGenerator<SessionEvent[], void> {
  for await (const batch of batches) {
    if (!isAllowed()) return;
    yield batch;
  }
}

/** Whoever reads them looks at the session. @param watch begins; gives what ends it */
async function* watched(
  batches: AsyncIterable<SessionEvent[]>,
  watch: () => () => void,
): AsyncGenerator<SessionEvent[], void> {
  const leave = watch();
  try {
    yield* batches;
  } finally {
    leave();
  }
}
