import { existsSync, readFileSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { connectDockerDriver } from "../../drivers/docker/connect";
import { DriverError, type Driver } from "../../drivers/driver";
import type { Database } from "../db/database";
import type { Environment } from "../env";

export interface Finding {
  what: string;
  /** What is wrong and what to do; null: all is well. */
  problem: string | null;
  /** What was found. */
  fact: string;
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
    examineMode("master key", env.masterKeyFile),
    await examineEngine(driver),
    await examineImage(driver, env.sessionImage),
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

async function examineEngine(driver: Driver): Promise<Finding> {
  return examineByDriver("engine", async () => {
    const { version, usernsRemap } = await driver.ping();
    return { problem: null, fact: `Docker ${version}${usernsRemap ? ", user namespaces remapped" : ""}` };
  });
}

async function examineImage(driver: Driver, image: string | null): Promise<Finding> {
  return examineByDriver("image", async () => {
    if (image === null) return { problem: null, fact: `"npm run up" builds it when it is missing` };
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
