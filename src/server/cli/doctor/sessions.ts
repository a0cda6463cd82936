/** Rows and engine, compared: nothing runs or lies there that no session names, and nothing that one names is missing. */
import { setTimeout as delay } from "node:timers/promises";
import type { Driver } from "../../../drivers/driver";
import type { Database } from "../../db/database";
import { sessions } from "../../db/schema";
import { isRunning } from "../../sessions/decisions";
import { examineByDriver, type Finding, someOf } from "./finding";

type Engine = Pick<Driver, "list" | "listVolumes" | "inspect">;

interface Deps {
  db: Database;
  driver: Engine;
  /** Sessions start and end while one looks: what is wrong once is looked at again after this. */
  againAfterMs?: number;
}

const AGAIN_AFTER_MS = 2_000;

export function examineVolumes(deps: Deps): Promise<Finding> {
  return examineByDriver("volumes", () => twice(deps, volumeProblem));
}

export function examineContainers(deps: Deps): Promise<Finding> {
  return examineByDriver("containers", () => twice(deps, containerProblem));
}

type Look = (deps: Deps) => Promise<Omit<Finding, "what">>;

async function twice(deps: Deps, look: Look): ReturnType<Look> {
  const first = await look(deps);
  if (first.problem === null) return first;
  await delay(deps.againAfterMs ?? AGAIN_AFTER_MS);
  return look(deps);
}

const volumeProblem: Look = async ({ db, driver }) => {
  // In this order: a session's row is there before its volumes.
  const there = new Set(await driver.listVolumes());
  const rows = db.select({ id: sessions.id, epoch: sessions.epoch }).from(sessions).all();
  const known = new Set(rows.map(({ id }) => id));
  const fact = `of ${there.size} sessions, none of one that the database does not know`;
  const orphans = [...there].filter((id) => !known.has(id));
  if (orphans.length > 0) {
    const problem = `there are some of sessions that the database does not know: ${someOf(orphans)}. Remove them under Settings → Storage → Reclaim, or restore the backup that knows them`;
    return { problem, fact };
  }
  // One whose sidecar never registered has never begun: its volumes are made when it starts.
  const lost = rows.filter(({ id, epoch }) => epoch > 0 && !there.has(id)).map(({ id }) => id);
  const problem =
    lost.length > 0
      ? `the files of ${someOf(lost)} are gone from the engine. Restore a backup, or delete the session; resumed it begins with an empty workspace.`
      : null;
  return { problem, fact };
};

const containerProblem: Look = async ({ db, driver }) => {
  const there = await driver.list();
  const rows = db
    .select({
      id: sessions.id,
      status: sessions.status,
      instanceId: sessions.instanceId,
      queuePlace: sessions.queuePlace,
    })
    .from(sessions)
    .all();
  const live = rows.filter(isRunning);
  const wanted = new Set(live.map(({ instanceId }) => instanceId));
  const running = live.filter(({ status }) => status !== "creating");
  const fact = `${there.length}, one for each of the sessions that run`;
  const orphans = there.filter(({ instanceId }) => !wanted.has(instanceId));
  if (orphans.length > 0) {
    const names = someOf(orphans.map(({ instanceId, sessionId }) => `${instanceId} (${sessionId})`));
    const problem = `no running session has ${names}. A running server removes them within minutes; start it with: npm run up`;
    return { problem, fact };
  }
  const dead: string[] = [];
  for (const { id, instanceId } of running) {
    const state = instanceId === null ? null : await driver.inspect(instanceId);
    if (state?.kind !== "running") dead.push(id);
  }
  const problem =
    dead.length > 0
      ? `none runs for ${someOf(dead)}, which should. Start the server with "npm run up", or restart it; then press Resume in the session.`
      : null;
  return { problem, fact };
};
