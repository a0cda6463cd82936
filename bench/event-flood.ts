import { type FloodReport, floodFaults, runFlood } from "../e2e/stub/flood";
import { floodBareRelay } from "./bare-relay";
import { type BenchContext, settle } from "./context";
import { percentile } from "./stats";
import { startStubProduct } from "./stub-product";
import { type Figure, type FigureReport, number } from "./table";

const PER_SECOND = 10;
const SETTLE_MS = 2000;
/** As long as it takes for its percentiles to stand still. */
const MOST_BASELINE_SECONDS = 30;

/** All sessions speak at once, and some are watched as a page watches them: from the sidecar's making an event to the watcher. */
export async function eventFlood(ctx: BenchContext): Promise<FigureReport> {
  const { product, ids, close } = await startStubProduct(ctx);
  try {
    const flood = { perSecond: PER_SECOND, seconds: ctx.seconds };
    const watched = ids.slice(0, ctx.watched);
    ctx.progress(`${ids.length * PER_SECOND} events a second for ${ctx.seconds} s`);
    const report = await runFlood(product, { ...flood, ids, watched });
    const faults = [...report.faults];
    for (const id of ids) faults.push(...(await floodFaults(product.client, id, flood)));
    const events = ids.length * PER_SECOND * ctx.seconds;
    await settle(SETTLE_MS);
    ctx.progress("the same through a bare relay");
    const baselineMs = await floodBareRelay(ctx, {
      perSecond: PER_SECOND,
      seconds: Math.min(ctx.seconds, MOST_BASELINE_SECONDS),
      senders: ids.length,
      watched: watched.length,
    });
    return {
      figures: figures(report, {
        baselineMs,
        what: `${ids.length * PER_SECOND} events/s in ${ids.length} sessions`,
      }),
      notes: [
        `flood of ${ctx.seconds} s: lost, double or out of order in the logs and at who watches: ${faults.length === 0 ? "nothing" : faults.join("; ")}`,
        `flood: memory of the server before it ${number(percentile(report.before.rssMib, 0.5))} MB, at its end ${number(report.meanwhile.rssMib.at(-1) ?? 0)} MB; an event took ${number((report.meanwhile.cpuSeconds * 1000) / events)} ms of a core there; senders are stubs in a container a session, and the ${watched.length} who watch a session each are Convex clients in one process, on the same cores`,
      ],
    };
  } finally {
    await close();
  }
}

function figures(report: FloodReport, opts: { baselineMs: number[]; what: string }): Figure[] {
  const { before, meanwhile } = report;
  const idle = "the same server with the same sessions and watchers, while nobody speaks";
  return [
    {
      name: `sidecar → watcher through log and mirror, ${opts.what}`,
      unit: "ms",
      ours: report.latenciesMs,
      baseline: opts.baselineMs,
      compare: "added",
      tail: 0.99,
      aim: "p99 ≤ 250 ms",
      baselineIs:
        "events of the same size, as many a second from as many sockets to as many, through a bare `ws` relay",
    },
    {
      name: `event loop's lag of the server, p99 of windows of 3 s, ${opts.what}`,
      unit: "ms",
      ours: meanwhile.lagP99Ms,
      baseline: before.lagP99Ms,
      compare: "added",
      tail: 0.99,
      aim: "p99 ≤ 50 ms",
      baselineIs: idle,
    },
    {
      name: `memory of the server, ${opts.what}`,
      unit: "MB",
      ours: meanwhile.rssMib,
      baseline: before.rssMib,
      compare: "added",
      tail: 0.99,
      aim: "p99 ≤ +100 MB",
      baselineIs: idle,
    },
  ];
}
