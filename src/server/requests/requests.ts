import { and, asc, eq, inArray, isNotNull, isNull, ne, notInArray, type SQL, sql } from "drizzle-orm";
import type { Question, RequestKind, SidecarEventBody } from "../../../sidecar/src/contract";
import type { RequestReply } from "../../../sidecar/src/protocol";
import type { Caller } from "../auth/caller";
import { type Clock, isoNow } from "../clock";
import { type Database, preparedOnce } from "../db/database";
import { createDeadlines } from "../deadlines";
import { requests, sessions } from "../db/schema";
import { AppError, notFound } from "../errors";
import type { EventLog, LogTransaction } from "../events/event-log";
import { IngestError } from "../events/ingest";
import type { Logger } from "../log";
import { behindCursor, type Page, pageOf, type PageRequest } from "../page-cursor";
import { refusal } from "../sessions/decisions";
import { findSession, getSession, mayAccess, requireSession, visibleTo } from "../sessions/session-store";
import { SESSION_LIMITS } from "../sessions/limits";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { SidecarError } from "../sidecar-client/sidecar-error";
import { replyOf, type RequestAnswer } from "./request-answer";

type RequestRow = typeof requests.$inferSelect;

/** A durable question of an agent to people, as the API gives it. `default`: what happens at the deadline. */
export interface AgentRequest {
  id: string;
  sessionId: string;
  kind: RequestKind;
  title: string;
  detail: string;
  patterns: string[] | null;
  /** What the answer "always" allows from then on; without any it allows no more than "once". */
  always: string[] | null;
  questions: Question[] | null;
  openedAt: string;
  deadline: string;
  default: "reject";
  open: boolean;
  outcome: RequestRow["outcome"];
  answeredBy: string | null;
}

export interface Requests {
  list(
    caller: Caller,
    filter: PageRequest & { sessionId?: string | undefined; open?: boolean | undefined },
  ): Page<AgentRequest>;
  /**
   * The first answer wins and is kept at once; it reaches the agent now or as soon as it can be reached.
   * @throws AppError `already_answered` for every later one, `bad_input` when the answer does not fit the question,
   *   `session_stopped` when nobody is there to hear it.
   */
  respond(caller: Caller, id: string, answer: RequestAnswer): Promise<AgentRequest>;
  /** Rows of a session's request events, in their transaction. */
  onEvent(tx: LogTransaction, sessionId: string, body: SidecarEventBody): void;
  /** Gives the agent the answers it has not got yet. Safe to call often. */
  deliver(sessionId: string): Promise<void>;
  /** Rejects what is past its deadline. @returns the sessions concerned */
  expire(): string[];
}

export function createRequests(deps: {
  db: Database;
  log: EventLog;
  clock: Clock;
  logger: Logger;
  clientOf(sessionId: string): SidecarClient | null;
}): Requests {
  const { db, log, clock } = deps;
  const deadlines = createDeadlines(clock);
  const delivering = new Set<string>();
  /** Sessions that got another answer while theirs were being delivered. */
  const again = new Set<string>();

  const deliver = async (sessionId: string): Promise<void> => {
    const client = deps.clientOf(sessionId);
    if (!client) return;
    if (delivering.has(sessionId)) {
      again.add(sessionId);
      return;
    }
    delivering.add(sessionId);
    try {
      do {
        again.delete(sessionId);
        for (const row of undelivered(db, sessionId)) await deliverOne(row, client);
      } while (again.has(sessionId));
    } finally {
      delivering.delete(sessionId);
    }
  };
  const deliverOne = async (row: RequestRow, client: SidecarClient): Promise<void> => {
    if (!row.answer) return;
    try {
      await client.reply(row.id, row.answer);
      db.update(requests)
        .set({ deliveredAt: isoNow(clock) })
        .where(eq(requests.id, row.id))
        .run();
    } catch (error) {
      if (!(error instanceof SidecarError)) throw error;
      deps.logger.warn(
        { sessionId: row.sessionId, asked: row.id, code: error.code },
        "answer not delivered; it is tried again",
      );
    }
  };

  return {
    deliver,
    list(caller, filter) {
      if (filter.sessionId) requireSession(db, caller, { id: filter.sessionId, access: "read" });
      const position = { at: requests.openedAt, id: requests.id };
      const rows = db
        .select({ request: requests })
        .from(requests)
        .innerJoin(sessions, eq(sessions.id, requests.sessionId))
        .where(
          and(
            filter.sessionId ? eq(requests.sessionId, filter.sessionId) : undefined,
            filter.open === true ? isWaiting() : undefined,
            filter.open === false ? isNotNull(requests.closedAt) : undefined,
            behindCursor(filter.cursor, position, "oldest first"),
            visibleTo(caller),
          ),
        )
        .orderBy(asc(requests.openedAt), asc(requests.id))
        .limit(filter.limit + 1)
        .all();
      return pageOf(rows, filter.limit, {
        positionOf: ({ request }) => ({ at: request.openedAt, id: request.id }),
        itemOf: ({ request }) => requestView(request),
      });
    },
    async respond(caller, id, answer) {
      const reply = replyOf(answer);
      const row = log.transaction((tx) => {
        const found = tx.store.select().from(requests).where(eq(requests.id, id)).get();
        if (!found || !mayAnswer(tx, caller, found)) throw notFound("request");
        if (found.closedAt) throw alreadyAnswered(found);
        const no = refusal("answer", getSession(tx.store, found.sessionId).status);
        if (no) throw no;
        assertFits(found, reply);
        return close(tx, found, { reply, by: caller.userId, now: isoNow(clock) });
      });
      await deliver(row.sessionId);
      return requestView(row);
    },
    onEvent(tx, sessionId, body) {
      if (body.type === "request.opened") open(tx, sessionId, { data: body.data, now: clock.now() });
      else if (body.type === "request.closed") {
        const now = isoNow(clock);
        tx.store
          .update(requests)
          .set({ outcome: "withdrawn", closedAt: now, deliveredAt: now })
          .where(
            and(
              eq(requests.id, body.data.requestId),
              eq(requests.sessionId, sessionId),
              isNull(requests.closedAt),
            ),
          )
          .run();
      }
    },
    expire() {
      const { id, deadline } = requests;
      const open = db.select({ id, deadline }).from(requests).where(isNull(requests.closedAt)).all();
      const past = deadlines.past(open).map((row) => row.id);
      if (past.length === 0) return [];
      const due = db.select().from(requests).where(inArray(id, past)).all();
      const now = isoNow(clock);
      const reply: RequestReply = { reply: "reject", message: "Nobody answered in time." };
      log.transaction((tx) => {
        for (const row of due) close(tx, row, { reply, by: null, now, outcome: "expired" });
      });
      return [...new Set(due.map((row) => row.sessionId))];
    },
  };
}

/** Still to be answered, in a session where somebody waits for it. */
function isWaiting(): SQL | undefined {
  return and(isNull(requests.closedAt), notInArray(sessions.status, ["stopped", "error"]));
}

/** Answered, and nobody in the session has been told yet. Asked with every batch of events. */
function undelivered(db: Database, sessionId: string): RequestRow[] {
  return requestStatements(db).undelivered.all({ sessionId });
}

const requestStatements = preparedOnce((db) => ({
  undelivered: db
    .select()
    .from(requests)
    .where(
      and(
        eq(requests.sessionId, sql.placeholder("sessionId")),
        isNotNull(requests.closedAt),
        isNull(requests.deliveredAt),
        ne(requests.outcome, "withdrawn"),
      ),
    )
    .orderBy(asc(requests.closedAt))
    .prepare(),
}));

function mayAnswer(tx: LogTransaction, caller: Caller, row: RequestRow): boolean {
  const session = findSession(tx.store, row.sessionId);
  return session !== undefined && mayAccess(caller, session, "write");
}

function open(
  tx: LogTransaction,
  sessionId: string,
  opts: { data: Extract<SidecarEventBody, { type: "request.opened" }>["data"]; now: number },
): void {
  const { data, now } = opts;
  // The database reads a text up to U+0000. An id would read as another's; of what a person is to approve, nothing may hide.
  if (data.requestId.includes("\0")) throw new IngestError("malformed", "A request's id holds U+0000");
  const whole = (text: string) => text.replaceAll("\0", "\u2400");
  const taken = tx.store
    .select({ sessionId: requests.sessionId })
    .from(requests)
    .where(eq(requests.id, data.requestId))
    .get();
  // A sidecar that lost sight of the agent for a moment may tell of a request again; the first row stands.
  if (taken?.sessionId === sessionId) return;
  // A copy's sidecar tells of what the session asked that was copied, and withdraws it.
  if (taken && findSession(tx.store, sessionId)?.conversationOf) return;
  if (taken) throw new IngestError("malformed", `Request ${data.requestId} belongs to another session`);
  tx.store
    .insert(requests)
    .values({
      id: data.requestId,
      sessionId,
      kind: data.kind,
      title: whole(data.title),
      detail: whole(data.detail),
      patterns: data.patterns ?? null,
      always: data.always ?? null,
      questions: data.questions ?? null,
      openedAt: new Date(now).toISOString(),
      deadline: new Date(now + SESSION_LIMITS.requestDeadlineMs).toISOString(),
      fallback: "reject",
    })
    .run();
}

function close(
  tx: LogTransaction,
  row: RequestRow,
  opts: { reply: RequestReply; by: string | null; now: string; outcome?: "expired" },
): RequestRow {
  const outcome: RequestRow["outcome"] =
    opts.outcome ?? ("reply" in opts.reply ? opts.reply.reply : "answered");
  const change: Partial<RequestRow> = {
    outcome,
    answer: opts.reply,
    answeredBy: opts.by,
    closedAt: opts.now,
  };
  tx.store.update(requests).set(change).where(eq(requests.id, row.id)).run();
  const message = "reply" in opts.reply ? opts.reply.message : undefined;
  tx.append(row.sessionId, {
    type: "request.closed",
    data: {
      requestId: row.id,
      outcome,
      ...(opts.by ? { by: opts.by } : {}),
      ...(message ? { message } : {}),
    },
  });
  return { ...row, ...change };
}

function assertFits(row: RequestRow, reply: RequestReply): void {
  const isQuestion = row.kind === "question";
  const isAnswers = "answers" in reply;
  // A question may be rejected as well as answered.
  if (isQuestion && isAnswers && reply.answers.length !== (row.questions?.length ?? 0)) {
    throw new AppError(
      "BAD_REQUEST",
      "bad_input",
      `This request has ${row.questions?.length ?? 0} questions; give one list of answers for each.`,
    );
  }
  if (!isQuestion && isAnswers) {
    throw new AppError(
      "BAD_REQUEST",
      "bad_input",
      "This is a permission request: reply once, always or reject.",
    );
  }
  if (isQuestion && !isAnswers && reply.reply !== "reject") {
    throw new AppError(
      "BAD_REQUEST",
      "bad_input",
      "This request asks questions: send answers, or reject it.",
    );
  }
}

/** What became of a request, as a sentence says it. */
const HOW = {
  once: "allowed once",
  always: "allowed for good",
  reject: "rejected",
  expired: "rejected for want of an answer",
  answered: "answered",
} as const;

function alreadyAnswered(row: RequestRow): AppError {
  const how =
    row.outcome === "withdrawn"
      ? "The agent no longer waits for this answer."
      : `This was ${HOW[row.outcome ?? "answered"]} already.`;
  return new AppError("CONFLICT", "already_answered", `${how} There is nothing left to do.`);
}

/** A row as the API gives it. */
export function requestView(row: RequestRow): AgentRequest {
  return {
    id: row.id,
    sessionId: row.sessionId,
    kind: row.kind,
    title: row.title,
    detail: row.detail,
    patterns: row.patterns,
    always: row.always,
    questions: row.questions,
    openedAt: row.openedAt,
    deadline: row.deadline,
    default: row.fallback,
    open: row.closedAt === null,
    outcome: row.outcome,
    answeredBy: row.answeredBy,
  };
}
