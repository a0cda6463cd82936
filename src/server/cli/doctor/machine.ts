import { existsSync, statSync } from "node:fs";
import { sql } from "drizzle-orm";
import type { Database } from "../../db/database";
import { findMasterKey } from "../../keys/load-master-key";
import { MasterKeyError } from "../../keys/master-key";
import { diskRoom, isDiskLow } from "../../storage/disk-room";
import type { Finding } from "./finding";

const GIB = 1024 ** 3;
const OLDEST_NODE = [20, 9] as const;

export function examineNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const problem = isOld
    ? `version ${version} is too old. Install Node ${OLDEST_NODE.join(".")} or newer.`
    : null;
  return { what: "node", problem, fact: version };
}

export function examineDisk(dataDir: string): Finding {
  const room = diskRoom(dataDir);
  const fact = `${(room.freeBytes / GIB).toFixed(1)} GiB free at ${dataDir}`;
  const problem = isDiskLow(room) ? `only ${fact}. Free some, or remove sessions that nobody needs.` : null;
  return { what: "disk", problem, fact };
}

export function examineDatabase(db: Database): Finding {
  const rows = db.all<{ quick_check: string }>(sql`pragma quick_check`);
  const answer = rows.map((row) => row.quick_check).join("; ");
  const problem =
    answer === "ok"
      ? null
      : `the file is damaged (${answer.slice(0, 300)}). Stop the server and restore a backup.`;
  return { what: "database", problem, fact: "whole" };
}

/** Secrets that others on this machine can read are no secrets. */
export function examineMode(what: string, path: string): Finding {
  if (!existsSync(path)) return { what, problem: null, fact: `${path} is made at the first start` };
  const open = (statSync(path).mode & 0o077) !== 0;
  const problem = open ? `other accounts of this machine may read ${path}. Run: chmod go-rwx ${path}` : null;
  return { what, problem, fact: path };
}

/** What the server looks at as it starts, in its words; nothing is made or moved. */
export function examineMasterKey(opts: { file: string; db: Database }): Finding {
  const what = "master key";
  try {
    const { master } = findMasterKey(opts);
    const fact = master === null ? `${opts.file} is made at the first start` : opts.file;
    return { what, problem: null, fact };
  } catch (error) {
    if (!(error instanceof MasterKeyError)) throw error;
    return { what, problem: error.message, fact: opts.file };
  }
}
