import { and, eq } from "drizzle-orm";
import type { ModelRef, SessionEvent } from "../../../sidecar/src/contract";
import { timelineWindow, type TimelineWindow } from "../../timeline/window";
import type { Caller } from "../auth/caller";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import type { EventLog } from "../events/event-log";
import type { Models } from "../models/models";
import type { Lifecycle, NewSession } from "./lifecycle";
import { listSessions, requireSession, type Session, sessionView } from "./session-store";
import type { Timelines } from "./timelines";

/** What a new session runs on when nothing is said: it needs no key. */
const DEFAULT_MODEL: ModelRef = { providerId: "demo", modelId: "demo-1" };

export interface Sessions extends Pick<Lifecycle, "stop" | "resume" | "restart" | "remove"> {
  /** @throws AppError `unknown_model` or `no_key` before anything is made. */
  create(caller: Caller, input: Omit<NewSession, "model"> & { model?: ModelRef | undefined }): Session;
  get(caller: Caller, id: string): Session;
  list(
    caller: Caller,
    page: { cursor?: string | undefined; limit: number; archived: boolean },
  ): { items: Session[]; nextCursor: string | null };
  rename(caller: Caller, opts: { id: string; title: string }): Session;
  /** The conversation, newest `limit` messages before `beforeSeq`. */
  timeline(
    caller: Caller,
    opts: { id: string; beforeSeq?: number | undefined; limit: number },
  ): TimelineWindow;
  /** Replay after `afterSeq`, then live, until the signal or the session's end. */
  follow(
    caller: Caller,
    opts: { id: string; afterSeq: number; signal: AbortSignal },
  ): AsyncIterable<SessionEvent[]>;
}

export function createSessions(deps: {
  db: Database;
  log: EventLog;
  lifecycle: Lifecycle;
  timelines: Timelines;
  models: Pick<Models, "resolve">;
}): Sessions {
  const { db, log, lifecycle } = deps;
  const readable = (caller: Caller, id: string) => requireSession(db, caller, { id, access: "read" });
  return {
    stop: (caller, id) => lifecycle.stop(caller, id),
    resume: (caller, id) => lifecycle.resume(caller, id),
    restart: (caller, id) => lifecycle.restart(caller, id),
    async remove(caller, id) {
      await lifecycle.remove(caller, id);
      deps.timelines.forget(id);
    },
    create(caller, input) {
      const model = input.model ?? DEFAULT_MODEL;
      deps.models.resolve(caller.userId, model);
      return lifecycle.create(caller, { ...input, model });
    },
    get: (caller, id) => sessionView(db, caller, readable(caller, id)),
    list: (caller, page) => listSessions(db, caller, page),
    rename(caller, { id, title }) {
      requireSession(db, caller, { id, access: "write" });
      log.transaction((tx) => {
        const changed = tx.store
          .update(sessions)
          .set({ title })
          .where(and(eq(sessions.id, id)))
          .run();
        if (changed.changes > 0) tx.append(id, { type: "session.updated", data: { title } });
      });
      return sessionView(db, caller, readable(caller, id));
    },
    timeline(caller, opts) {
      readable(caller, opts.id);
      return timelineWindow(deps.timelines.of(opts.id), { beforeSeq: opts.beforeSeq, limit: opts.limit });
    },
    follow(caller, opts) {
      readable(caller, opts.id);
      return log.follow(opts.id, opts.afterSeq, opts.signal);
    },
  };
}
