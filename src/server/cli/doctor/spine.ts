/** The log as it lies in the database: dense, and without strangers. */
import { sql } from "drizzle-orm";
import type { Database } from "../../db/database";
import { type Finding, someOf } from "./finding";

const MEND = "Stop the server and restore a backup, or delete the session; please report it.";

/** Each session's events are numbered from 1 to its last, without a hole. */
export function examineSeq(db: Database): Finding {
  const what = "log";
  const { sessions, events } = db.get<{ sessions: number; events: number }>(
    sql`select (select count(*) from sessions) as sessions, (select count(*) from events) as events`,
  );
  const fact = `${events} events of ${sessions} sessions, each numbered without a hole`;
  const holes = idsOf(
    db,
    sql`select s.id as id from sessions s left join events e on e.session_id = s.id group by s.id
        having count(e.seq) <> s.last_seq or coalesce(max(e.seq), 0) <> s.last_seq or coalesce(min(e.seq), 1) <> 1`,
  );
  if (holes.length > 0)
    return { what, problem: `events are missing or too many in ${someOf(holes)}. ${MEND}`, fact };
  const strangers = idsOf(
    db,
    sql`select distinct session_id as id from events where session_id not in (select id from sessions)`,
  );
  const problem =
    strangers.length > 0
      ? `there are events of sessions that are no more: ${someOf(strangers)}. ${MEND}`
      : null;
  return { what, problem, fact };
}

/** What sidecars made is in the log from their first event to the one that the session says to hold. */
export function examineSpool(db: Database): Finding {
  const what = "spool positions";
  const { epochs } = db.get<{ epochs: number }>(
    sql`select count(*) as epochs from (select distinct session_id, epoch from events where epoch is not null)`,
  );
  const fact = `${epochs} starts of sidecars, each taken in from its first event to its last`;
  const halves = idsOf(
    db,
    sql`select distinct session_id as id from events where (epoch is null) <> (n is null)`,
  );
  const holes = idsOf(
    db,
    sql`select distinct id from (select session_id as id, count(*) as got, min(n) as first, max(n) as last from events
        where epoch is not null and n is not null group by session_id, epoch) where first <> 1 or got <> last`,
  );
  const disordered = idsOf(
    db,
    sql`select distinct session_id as id from (select session_id, epoch, n,
          lag(epoch) over w as epoch_before, lag(n) over w as n_before from events
          where epoch is not null and n is not null window w as (partition by session_id order by seq))
        where epoch_before > epoch or (epoch_before = epoch and n_before > n)`,
  );
  // A session that was made to pass over what broke the rules holds nothing of the epoch that comes.
  const others = idsOf(
    db,
    sql`select s.id as id from sessions s left join events e on e.session_id = s.id and e.epoch is not null group by s.id
        having case when s.held_n = 0 then coalesce(max(e.epoch), 0) >= max(s.held_epoch, 1)
          else max(e.epoch) is not s.held_epoch
            or (select max(n) from events where session_id = s.id and epoch = s.held_epoch) is not s.held_n end`,
  );
  const bad = [...new Set([...halves, ...holes, ...disordered, ...others])];
  const problem =
    bad.length > 0 ? `what sidecars sent is not whole or not in order in ${someOf(bad)}. ${MEND}` : null;
  return { what, problem, fact };
}

function idsOf(db: Database, query: ReturnType<typeof sql>): string[] {
  return db.all<{ id: string }>(query).map(({ id }) => id);
}
