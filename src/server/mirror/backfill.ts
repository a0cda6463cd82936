/** Everything that a mirror needs which has nothing yet, as marks. */
import { and, desc, gt, inArray, isNull } from "drizzle-orm";
import type { Database } from "../db/database";
import { reads, requests, sessions, users } from "../db/schema";
import { type Mark, readKey } from "../events/outbox";
import { LIVE_STATUSES } from "../sessions/decisions";
import type { MirrorTarget } from "./mirror-target";

/** Rows read at a time; others are served in between. */
const PIECE = 2_000;

/**
 * People first, as nobody sees anything without them; then what runs, then all the rest. Of a session that does not run no
 * events: a browser that opens it reads them from the server.
 * @param opts.closedToo for a mirror that may hold requests which no longer wait
 */
export function* everything(db: Database, opts: { closedToo: boolean }): Generator<Mark[]> {
  yield* pieces(
    (after) =>
      db.select({ id: users.id }).from(users).where(gt(users.id, after)).orderBy(users.id).limit(PIECE).all(),
    "person",
  );
  const running = db
    .select({ id: sessions.id })
    .from(sessions)
    .where(inArray(sessions.status, LIVE_STATUSES))
    .orderBy(desc(sessions.lastActivityAt))
    .all();
  yield running.flatMap(({ id }): Mark[] => [
    { topic: "session", key: id },
    { topic: "events", key: id },
  ]);
  yield* pieces(
    (after) =>
      db
        .select({ id: requests.id })
        .from(requests)
        .where(and(opts.closedToo ? undefined : isNull(requests.closedAt), gt(requests.id, after)))
        .orderBy(requests.id)
        .limit(PIECE)
        .all(),
    "request",
  );
  yield* pieces(
    (after) =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(gt(sessions.id, after))
        .orderBy(sessions.id)
        .limit(PIECE)
        .all(),
    "session",
  );
  // Few and small: two ids and a number for each session that a person has opened.
  const seen = db.select({ personId: reads.userId, sessionId: reads.sessionId }).from(reads).all();
  yield seen.map(({ personId, sessionId }) => ({ topic: "read", key: readKey(personId, sessionId) }));
}

function* pieces(page: (after: string) => { id: string }[], topic: Mark["topic"]): Generator<Mark[]> {
  let after = "";
  for (;;) {
    const rows = page(after);
    if (rows.length > 0) yield rows.map(({ id }) => ({ topic, key: id }));
    const last = rows.at(-1);
    if (last === undefined || rows.length < PIECE) return;
    after = last.id;
  }
}

/** Sessions that a mirror has and that are no more here: told as removed. */
export function strangers(db: Database, sessionIds: readonly string[]): Mark[] {
  const known = db
    .select({ id: sessions.id })
    .from(sessions)
    .where(inArray(sessions.id, [...sessionIds]))
    .all();
  const ours = new Set(known.map(({ id }) => id));
  return sessionIds.filter((id) => !ours.has(id)).map((key) => ({ topic: "session", key }));
}

/** {@link strangers} of all that a mirror has. */
export async function strangersThere(
  db: Database,
  target: Pick<MirrorTarget, "sessionIdsAfter">,
): Promise<Mark[]> {
  const marks: Mark[] = [];
  for await (const ids of sessionsThere(target)) marks.push(...strangers(db, ids));
  return marks;
}

/** Ids of all sessions that a mirror has, some at a time. */
export async function* sessionsThere(
  target: Pick<MirrorTarget, "sessionIdsAfter">,
): AsyncGenerator<string[]> {
  for (let after = ""; ;) {
    const ids = await target.sessionIdsAfter(after);
    const last = ids.at(-1);
    if (last === undefined) return;
    yield ids;
    after = last;
  }
}

/** What is to be told again of one session that the mirror lets go of first. */
export function allOf(db: Database, sessionId: string): Mark[] {
  const open = db
    .select({ id: requests.id, sessionId: requests.sessionId })
    .from(requests)
    .where(and(inArray(requests.sessionId, [sessionId]), isNull(requests.closedAt)))
    .all();
  const seen = db
    .select()
    .from(reads)
    .where(inArray(reads.sessionId, [sessionId]))
    .all();
  return [
    { topic: "session", key: sessionId },
    ...open.map(({ id }): Mark => ({ topic: "request", key: id })),
    ...seen.map(({ userId }): Mark => ({ topic: "read", key: readKey(userId, sessionId) })),
    { topic: "events", key: sessionId },
  ];
}
