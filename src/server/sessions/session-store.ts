import { and, count, desc, eq, inArray, isNotNull, isNull, ne, or, sql } from "drizzle-orm";
import type {
  AgentState,
  Failure,
  ModelRef,
  PermissionMode,
  ProvisioningStep,
  SessionStatus,
} from "../../../sidecar/src/contract";
import type { Caller } from "../auth/caller";
import { preparedOnce, type Store } from "../db/database";
import { prompts, type RepoSource, requests, sessions, users, type Visibility } from "../db/schema";
import { AppError, notFound } from "../errors";
import type { LogTransaction } from "../events/event-log";
import { behindCursor, type Page, pageOf, type PageRequest } from "../page-cursor";
import { type Queue, queueOf, takeOutOfLine } from "./line";
import { hasRead } from "./session-marks";

export type SessionRow = typeof sessions.$inferSelect;

/**
 * A session as the API gives it. `reason` says what to do next: it is set in status `error`, and in `stopped` where it was
 * not a person who stopped it.
 */
export interface Session {
  id: string;
  title: string;
  status: SessionStatus;
  step: ProvisioningStep | null;
  reason: Failure | null;
  model: ModelRef;
  agent: string;
  permissionMode: PermissionMode;
  repo: RepoSource | null;
  owner: { id: string; name: string };
  visibility: Visibility;
  busy: boolean;
  needsInput: boolean;
  agentState: AgentState;
  /** Where it waits in line to be started; null when it does not. */
  queue: Queue | null;
  archived: boolean;
  /** Minutes without use after which it is stopped; null: as the installation says; 0: never. */
  idleStopMinutes: number | null;
  /** When it is stopped if nobody comes (ISO 8601 UTC); null while it is not about to be. */
  stopsAt: string | null;
  /** Full reference of the image that it runs on, or ran on last; null before its first container. */
  image: string | null;
  /** Of the sidecar in it; null before its first container is ready for keys. */
  version: string | null;
  unread: boolean;
  createdAt: string;
  lastActivityAt: string;
  lastSeq: number;
}

/** `own`: to decide who else sees and steers the session, and whether it goes on to exist. */
export type Access = "read" | "write" | "own";

/**
 * May this person do this with the session? Its owner does all; the team what the visibility says; viewers never write.
 * A role gives nothing here: owners and admins of the installation are of the team like everybody else.
 */
export function mayAccess(
  caller: Pick<Caller, "userId" | "role">,
  row: Pick<SessionRow, "ownerId" | "visibility">,
  access: Access,
): boolean {
  if (access !== "read" && caller.role === "viewer") return false;
  if (row.ownerId === caller.userId) return true;
  switch (access) {
    case "read":
      return row.visibility !== "private";
    case "write":
      return row.visibility === "team-write";
    case "own":
      return false;
  }
}

/** {@link mayAccess} with person and session as they are now: for what stays open longer than the call that was checked. */
export function mayStill(store: Store, opts: { userId: string; id: string; access: Access }): boolean {
  const { userId, id, access } = opts;
  const person = store
    .select({ role: users.role, disabledAt: users.disabledAt })
    .from(users)
    .where(eq(users.id, userId))
    .get();
  const session = store
    .select({ ownerId: sessions.ownerId, visibility: sessions.visibility })
    .from(sessions)
    .where(eq(sessions.id, id))
    .get();
  if (!person || person.disabledAt !== null || !session) return false;
  return mayAccess({ userId, role: person.role }, session, access);
}

/**
 * The session's row, if the caller may.
 * @throws AppError `not_found` when it is missing or not theirs, alike; who sees it is told what they lack.
 */
export function requireSession(
  store: Store,
  caller: Pick<Caller, "userId" | "role">,
  opts: { id: string; access: Access },
): SessionRow {
  const row = findSession(store, opts.id);
  if (!row || !mayAccess(caller, row, "read")) throw notFound("session");
  if (!mayAccess(caller, row, opts.access)) throw notYours(opts.access);
  return row;
}

/** What a stranger gets, but for the sentence: this person sees the session. */
function notYours(access: Access): AppError {
  const sentence =
    access === "own"
      ? "Only the session's owner may do that. Ask them to."
      : "You may read this session and not change it. Ask its owner to share it for writing.";
  return new AppError("NOT_FOUND", "not_found", sentence);
}

export function findSession(store: Store, id: string): SessionRow | undefined {
  return rowStatements(store).byId.get({ id });
}

const rowStatements = preparedOnce((db) => ({
  byId: db
    .select()
    .from(sessions)
    .where(eq(sessions.id, sql.placeholder("id")))
    .prepare(),
}));

/** As {@link findSession}, for places where the row's absence is a fault of ours. */
export function getSession(store: Store, id: string): SessionRow {
  const row = findSession(store, id);
  if (!row) throw notFound("session");
  return row;
}

export function sessionView(store: Store, caller: Pick<Caller, "userId">, row: SessionRow): Session {
  const owner = store.select({ name: users.name }).from(users).where(eq(users.id, row.ownerId)).get();
  const running = store
    .select({ n: count() })
    .from(prompts)
    .where(and(eq(prompts.sessionId, row.id), eq(prompts.state, "running")))
    .get();
  const open = store
    .select({ n: count() })
    .from(requests)
    .where(and(eq(requests.sessionId, row.id), isNull(requests.closedAt)))
    .get();
  const live = row.status === "active" || row.status === "idle";
  return {
    id: row.id,
    title: row.title,
    status: row.status,
    step: row.step,
    reason: row.reason,
    model: row.model,
    agent: row.agent,
    permissionMode: row.permissionMode,
    repo: row.repo,
    owner: { id: row.ownerId, name: owner?.name ?? "" },
    visibility: row.visibility,
    busy: live && (running?.n ?? 0) > 0,
    needsInput: live && (open?.n ?? 0) > 0,
    agentState: row.agentState,
    queue: queueOf(store, row),
    archived: row.archivedAt !== null,
    idleStopMinutes: row.idleStopMinutes,
    stopsAt: row.status === "idle" ? row.stopsAt : null,
    image: row.image,
    version: row.version,
    unread: !hasRead(store, caller.userId, row),
    createdAt: row.createdAt,
    lastActivityAt: row.lastActivityAt,
    lastSeq: row.lastSeq,
  };
}

/** The condition of {@link mayAccess} "read", for queries over many sessions. */
export function visibleTo(caller: Pick<Caller, "userId">) {
  return or(eq(sessions.ownerId, caller.userId), ne(sessions.visibility, "private"));
}

/** A list's page. `search`: what the title must hold, in any case. */
export interface SessionFilter extends PageRequest {
  archived: boolean;
  search?: string | undefined;
}

/** Newest first by creation; either those in the archive or the others. */
export function listSessions(store: Store, caller: Caller, filter: SessionFilter): Page<Session> {
  const older = behindCursor(filter.cursor, { at: sessions.createdAt, id: sessions.id }, "newest first");
  const rowsFrom = (offset: number, limit: number): SessionRow[] =>
    store
      .select()
      .from(sessions)
      .where(
        and(
          visibleTo(caller),
          filter.archived ? isNotNull(sessions.archivedAt) : isNull(sessions.archivedAt),
          older,
        ),
      )
      .orderBy(desc(sessions.createdAt), desc(sessions.id))
      .limit(limit)
      .offset(offset)
      .all();
  const wanted = filter.limit + 1;
  const rows = filter.search ? titled(rowsFrom, { search: filter.search, wanted }) : rowsFrom(0, wanted);
  return pageOf(rows, filter.limit, {
    positionOf: (row) => ({ at: row.createdAt, id: row.id }),
    itemOf: (row) => sessionView(store, caller, row),
  });
}

const SEARCHED_AT_ONCE = 500;

/** The database knows upper and lower case of English letters alone, so titles are compared here. */
function titled(
  rowsFrom: (offset: number, limit: number) => SessionRow[],
  { search, wanted }: { search: string; wanted: number },
): SessionRow[] {
  const needle = foldCase(search);
  const found: SessionRow[] = [];
  for (let offset = 0; ; offset += SEARCHED_AT_ONCE) {
    const rows = rowsFrom(offset, SEARCHED_AT_ONCE);
    found.push(...rows.filter((row) => foldCase(row.title).includes(needle)));
    if (found.length >= wanted || rows.length < SEARCHED_AT_ONCE) return found.slice(0, wanted);
  }
}

function foldCase(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

export function sessionsInStatus(store: Store, statuses: SessionStatus[]): SessionRow[] {
  return store.select().from(sessions).where(inArray(sessions.status, statuses)).all();
}

export interface StatusChange {
  status: SessionStatus;
  step?: ProvisioningStep | null;
  reason?: Failure | null;
  agentState?: AgentState;
}

/** Changes the row and says so in the log, in one transaction; no event when nothing changed. Who is not `creating` any more waits in no line. */
export function setStatus(tx: LogTransaction, sessionId: string, change: StatusChange): void {
  const row = findSession(tx.store, sessionId);
  if (!row) return;
  const next = {
    status: change.status,
    step: change.step ?? null,
    reason: change.reason ?? null,
    agentState: change.agentState ?? row.agentState,
  };
  const same =
    row.status === next.status &&
    row.step === next.step &&
    row.agentState === next.agentState &&
    row.reason?.code === next.reason?.code;
  if (same) return;
  tx.store
    .update(sessions)
    .set({ ...next, stopsAt: null })
    .where(eq(sessions.id, sessionId))
    .run();
  if (row.queuePlace !== null && next.status !== "creating") takeOutOfLine(tx.store, [sessionId]);
  tx.append(sessionId, { type: "session.status", data: next });
}
