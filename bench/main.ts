/**
 * `npm run bench [-- start stream memory terminal mirror load open page log-append adopt-100 event-flood backup]`: figures of the
 * built product, each beside its baseline in the same run. Nothing is asserted. The table goes to stdout, that of all figures
 * to bench/results/latest.md too, progress to stderr. `--sessions N`, `--watched N` and `--seconds N` change
 * the size of `adopt-100` and `event-flood`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Docker from "dockerode";
import { readEnvironment } from "../scripts/lib/environment.mjs";
import { prepareApp, prepareEngine, prepareImage } from "../scripts/lib/prepare.mjs";
import { type BenchContext, Cleanup, ROOT } from "./context";
import { describeMachine } from "./machine";
import { type FigureReport, renderReport } from "./table";

/** Loaded late: what drives the product wants it built. */
const FIGURES = {
  start: async (ctx) => (await import("./cold-start")).coldStart(ctx),
  stream: async (ctx) => (await import("./delta-latency")).deltaLatency(ctx),
  memory: async (ctx) => (await import("./idle-memory")).idleMemory(ctx),
  terminal: async (ctx) => (await import("./terminal-echo")).terminalEcho(ctx),
  load: async (ctx) => (await import("./page-load")).pageLoad(ctx),
  mirror: async (ctx) => (await import("./mirror-fanout")).mirrorFanout(ctx),
  open: async (ctx) => (await import("./session-open")).sessionOpen(ctx),
  page: async (ctx) => (await import("./page-stream")).pageStream(ctx),
  "log-append": async (ctx) => (await import("./log-append")).logAppend(ctx),
  "adopt-100": async (ctx) => (await import("./adopt")).adopt(ctx),
  "event-flood": async (ctx) => (await import("./event-flood")).eventFlood(ctx),
  backup: async (ctx) => (await import("./backup")).backup(ctx),
} satisfies Record<string, (ctx: BenchContext) => Promise<FigureReport>>;
type FigureName = keyof typeof FIGURES;

const progress = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(args: readonly string[], cleanup: Cleanup): Promise<void> {
  const { values, positionals: asked } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      sessions: { type: "string", default: "100" },
      watched: { type: "string", default: "10" },
      seconds: { type: "string", default: "300" },
    },
  });
  const size = {
    sessions: wholeNumber(values.sessions),
    watched: wholeNumber(values.watched),
    seconds: wholeNumber(values.seconds),
  };
  const names = asked.length > 0 ? asked : Object.keys(FIGURES);
  const unknown = names.filter((name) => !isFigure(name));
  if (unknown.length > 0) {
    throw new Error(
      `There is no figure ${unknown.join(", ")}. Choose from ${Object.keys(FIGURES).join(", ")}.`,
    );
  }
  const environment = readEnvironment();
  await prepareEngine(environment);
  const image = await prepareImage(environment);
  await prepareApp(environment);
  const docker = new Docker({ socketPath: environment.dockerSocket });
  const machine = await describeMachine(docker);
  const reports: FigureReport[] = [];
  for (const name of names.filter(isFigure)) {
    reports.push(await FIGURES[name]({ docker, image, cleanup, progress, ...size }));
  }
  const report = renderReport(reports, machine);
  process.stdout.write(report);
  if (asked.length > 0) return;
  const results = join(ROOT, "bench/results");
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, "latest.md"), report);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new Error(`--sessions, --watched and --seconds take whole numbers from 1 on, not ${text}.`);
}

function isFigure(name: string): name is FigureName {
  return Object.hasOwn(FIGURES, name);
}

const cleanup = new Cleanup();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    progress("Interrupted; removing what was made.");
    void cleanup.run().finally(() => process.exit(130));
  });
}
const tell = (error: unknown) => {
  progress(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
};
await main(process.argv.slice(2), cleanup).catch(tell);
await cleanup.run().catch(tell);
