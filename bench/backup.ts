/**
 * How long a backup takes, and how soon an installation is there again from one: 20 sessions with 100 MiB each that does not
 * compress, on the same engine and disk. The sessions are real; the old installation stops where the machine would be lost.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  containerOf,
  docker,
  OWNER,
  removeEngineObjects,
  sessionIs,
  startUnclaimed,
  volumesOf,
} from "../e2e/harness";
import { createClient } from "../src/client/index";
import { type BenchContext, ROOT, settle } from "./context";
import { type BenchProduct, startBenchProduct } from "./product";
import { type FigureReport, number } from "./table";

const SESSIONS = 20;
const MIB = 100;
const SETTLE_MS = 1000;
const PASSPHRASE = "a passphrase of the bench";

const run = promisify(execFile);

export async function backup(ctx: BenchContext): Promise<FigureReport> {
  const work = mkdtempSync(join(tmpdir(), "oa-bench-backup-"));
  const removeWork = ctx.cleanup.add(async () => rmSync(work, { recursive: true, force: true }));
  const bench = await startBenchProduct(ctx);
  try {
    const ids = await filledSessions(ctx, bench);
    await settle(SETTLE_MS);
    const copyMs = await copyVolumes(ctx, { instance: bench.instance, to: work });
    const archive = join(work, "all.tar.age");
    const backupMs = await timed(() => npm(["backup", "--", archive], environment(bench)));
    const size = megabytes(statSync(archive).size);
    ctx.progress(`backup: ${number(backupMs)} ms, ${size}`);
    const masterKeyFile = join(work, "master.key");
    copyFileSync(join(bench.dataDir, "master.key"), masterKeyFile);
    await bench.close();
    const restored = await restoreElsewhere(ctx, { ids, archive, masterKeyFile, work });
    return {
      figures: [
        {
          name: `backup of ${SESSIONS} sessions × ${MIB} MiB, beside the running server`,
          unit: "ms",
          ours: [backupMs],
          baseline: [copyMs],
          compare: "ratio",
          aim: "≤ 5 min",
          baselineIs: "`cp -a` of the same volumes on the same disk, then `sync`",
        },
        {
          name: "restore of it → every session runs again",
          unit: "ms",
          ours: [restored.resumedMs],
          baseline: [copyMs],
          compare: "ratio",
          aim: "≤ 10 min",
          baselineIs: "the same copy",
        },
      ],
      notes: [
        `restore: of it ${number(restored.commandMs)} ms for the command, the server ready after ${number(restored.readyMs)}; the archive has ${size}`,
      ],
    };
  } finally {
    await bench.close();
    await removeWork();
  }
}

/** Into an empty data directory and another instance, as on a new machine. @returns ms from the command's start */
async function restoreElsewhere(
  ctx: BenchContext,
  opts: { ids: readonly string[]; archive: string; masterKeyFile: string; work: string },
): Promise<{ commandMs: number; readyMs: number; resumedMs: number }> {
  const { ids } = opts;
  const dataDir = join(opts.work, "restored");
  const instance = `oa-r${randomBytes(4).toString("hex")}`;
  const removeObjects = ctx.cleanup.add(() => removeEngineObjects(instance));
  const env = {
    ...environment({ dataDir, instance }),
    OPENAGENT_MASTER_KEY_FILE: opts.masterKeyFile,
    OPENAGENT_SESSION_IMAGE: ctx.image,
  };
  const begun = performance.now();
  const since = () => performance.now() - begun;
  await npm(["restore", "--", opts.archive], env);
  const commandMs = since();
  const product = await startUnclaimed(env, { dataDir });
  const close = ctx.cleanup.add(() => product.close());
  try {
    const readyMs = since();
    const token = (await npm(["admin", "--", "token", "create", "--email", OWNER.email], env)).trim();
    const client = createClient({ url: product.url, token });
    await Promise.all(ids.map((id) => client.sessions.resume.mutate({ id })));
    for (const id of ids) await sessionIs(client, id, "idle");
    return { commandMs, readyMs, resumedMs: since() };
  } finally {
    await close();
    await removeObjects();
  }
}

/** @returns the ids of sessions that hold so much and are stopped but for the last */
async function filledSessions(ctx: BenchContext, { client, instance }: BenchProduct): Promise<string[]> {
  const ids: string[] = [];
  const fill = `head -c ${MIB * 2 ** 20} /dev/urandom > /workspace/filled`;
  while (ids.length < SESSIONS) {
    const { id } = await client.sessions.create.mutate({ title: `Bench ${ids.length + 1}` });
    await sessionIs(client, id, "idle");
    await docker("exec", "-u", "1000", await containerOf(instance, id), "bash", "-ec", fill);
    ids.push(id);
    if (ids.length < SESSIONS) await client.sessions.stop.mutate({ id });
    if (ids.length % 5 === 0) ctx.progress(`${ids.length} of ${SESSIONS} sessions are filled`);
  }
  return ids;
}

async function copyVolumes(ctx: BenchContext, opts: { instance: string; to: string }): Promise<number> {
  const places: string[] = [];
  for (const name of await volumesOf(opts.instance))
    places.push((await ctx.docker.getVolume(name).inspect()).Mountpoint);
  const ms = await timed(async () => {
    for (const [index, place] of places.entries())
      await run("cp", ["-a", place, join(opts.to, String(index))]);
    await run("sync");
  });
  for (const index of places.keys()) rmSync(join(opts.to, String(index)), { recursive: true, force: true });
  ctx.progress(`copy of ${places.length} volumes: ${number(ms)} ms`);
  return ms;
}

function environment(of: { dataDir: string; instance: string }): Record<string, string> {
  return {
    OPENAGENT_DATA_DIR: of.dataDir,
    OPENAGENT_INSTANCE: of.instance,
    OPENAGENT_BACKUP_PASSPHRASE: PASSPHRASE,
  };
}

async function npm(args: string[], env: Record<string, string>): Promise<string> {
  const { stdout } = await run("npm", ["run", "--silent", ...args], {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: "production", ...env },
  });
  return stdout;
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
}

function megabytes(bytes: number): string {
  return `${number(bytes / 2 ** 20)} MiB`;
}
