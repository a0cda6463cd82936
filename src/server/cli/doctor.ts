import { existsSync, readFileSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { connectDockerDriver } from "../../drivers/docker/connect";
import { DriverError, type Driver } from "../../drivers/driver";
import type { Database } from "../db/database";
import type { Environment } from "../env";
import { findMasterKey } from "../keys/load-master-key";
import { MasterKeyError } from "../keys/master-key";
import {
  askReadiness,
  runningServer,
  runningServerStartedWith,
} from "../../../scripts/lib/server-process.mjs";

export interface Finding {
  what: string;
  /** What is wrong and what to do; null: all is well. */
  problem: string | null;
  /** What was found. */
  fact: string;
  /** No fault, but not known to be well either. */
  isNote?: boolean;
}

/** A finding as people read it. */
export function lineOf({ what, problem, fact, isNote = false }: Finding): string {
  const verdict = problem !== null ? "FAIL" : isNote ? "note" : "ok  ";
  return `${verdict}  ${what}: ${problem ?? fact}`;
}

const GIB = 1024 ** 3;
/** Below this, events cannot be written before long. */
const DISK_NEEDED_GIB = 1;
const OLDEST_NODE = [20, 9] as const;

/** Looks at everything that the server needs, one after the other; a check never throws. */
export async function examine(deps: { env: Environment; db: Database; root: string }): Promise<Finding[]> {
  const { env, db } = deps;
  const driver = connectDockerDriver({
    socketPath: env.dockerSocket,
    instance: env.instance,
    runDir: join(env.dataDir, "run"),
    seccompProfile: readFileSync(join(deps.root, "docker/seccomp.json"), "utf8"),
  });
  return [
    examineNode(process.versions.node),
    await examineDisk(env.dataDir),
    examineDatabase(db),
    examineMode("data directory", env.dataDir),
    examineMasterKey({ file: env.masterKeyFile, db }),
    await examineEngine(driver),
    await examineImage(driver, env.sessionImage ?? runningServerStartedWith(env.dataDir)?.image ?? null),
    await examineServer(env.dataDir),
  ];
}

export function examineNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const problem = isOld
    ? `version ${version} is too old. Install Node ${OLDEST_NODE.join(".")} or newer.`
    : null;
  return { what: "node", problem, fact: version };
}

async function examineDisk(dataDir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(dataDir);
  const freeGib = (bavail * bsize) / GIB;
  const fact = `${freeGib.toFixed(1)} GiB free at ${dataDir}`;
  const problem =
    freeGib < DISK_NEEDED_GIB ? `only ${fact}. Free some, or remove sessions that nobody needs.` : null;
  return { what: "disk", problem, fact };
}

function examineDatabase(db: Database): Finding {
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

/** The server that `npm run up` started, at the address that it was started with. */
export async function examineServer(dataDir: string): Promise<Finding> {
  const what = "server";
  const pid = runningServer(dataDir);
  if (pid === undefined) {
    const fact = `none runs in the background on ${dataDir}. Start it with: npm run up`;
    return { what, problem: null, fact, isNote: true };
  }
  const address = runningServerStartedWith(dataDir);
  if (address === undefined) {
    const fact = `runs (pid ${pid}); not asked, as it did not write down its address`;
    return { what, problem: null, fact, isNote: true };
  }
  const { ready, answered, why } = await askReadiness(address);
  if (ready) return { what, problem: null, fact: `ready at ${address.url}` };
  const fact = `runs (pid ${pid}) but does not answer at ${address.localUrl} (${why}). Look at: npm run logs`;
  if (!answered) return { what, problem: null, fact, isNote: true };
  return { what, problem: `runs at ${address.url} but is not ready: ${why}`, fact };
}

async function examineEngine(driver: Driver): Promise<Finding> {
  return examineByDriver("engine", async () => {
    const { version, usernsRemap } = await driver.ping();
    return { problem: null, fact: `Docker ${version}${usernsRemap ? ", user namespaces remapped" : ""}` };
  });
}

export async function examineImage(driver: Pick<Driver, "hasImage">, image: string | null): Promise<Finding> {
  return examineByDriver("image", async () => {
    // Its name is a hash of what goes into it; only a running server, or the environment, has it at hand.
    if (image === null) {
      const fact = "not checked: no running server says which one. `npm run up` builds it when it is missing";
      return { problem: null, fact, isNote: true };
    }
    const problem = (await driver.hasImage(image)) ? null : `${image} is missing. Run: npm run up`;
    return { problem, fact: image };
  });
}

async function examineByDriver(what: string, look: () => Promise<Omit<Finding, "what">>): Promise<Finding> {
  try {
    return { what, ...(await look()) };
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    return { what, problem: error.message, fact: error.detail };
  }
}
