import { setTimeout as pause } from "node:timers/promises";
import { containersOf, type Product } from "../e2e/harness";
import { readMetrics } from "../e2e/server-metrics";
import { type BenchContext, settle } from "./context";
import { percentile } from "./stats";
import { startStubProduct } from "./stub-product";
import { type FigureReport, number } from "./table";

const ROUNDS = 5;
const SETTLE_MS = 1000;
const ASK_EVERY_MS = 20;
const LIMIT_MS = 120_000;

/** A server starts beside many sessions that run: from its process's start until the events of all of them come in again. */
export async function adopt(ctx: BenchContext): Promise<FigureReport> {
  const { product, close } = await startStubProduct(ctx);
  try {
    const [ours, listens, baseline]: [number[], number[], number[]] = [[], [], []];
    const containers = await containersOf(product.instance);
    for (let round = 0; round <= ROUNDS; round++) {
      const { adoptedMs, listensMs } = await restart(product, {
        signal: round % 2 === 0 ? "SIGTERM" : "SIGKILL",
        sessions: ctx.sessions,
      });
      await settle(SETTLE_MS);
      const inspectedMs = await inspectAll(ctx, containers);
      ctx.progress(
        `adoption ${round}/${ROUNDS}: ${number(adoptedMs)} ms, inspected one by one in ${number(inspectedMs)} ms`,
      );
      // The first reads the bundle from disk; it is not counted.
      if (round === 0) continue;
      ours.push(adoptedMs);
      listens.push(listensMs);
      baseline.push(inspectedMs);
    }
    const isKept = (await containersOf(product.instance)).toString() === containers.toString();
    if (!isKept) throw new Error("A restart of the server changed the sessions' containers.");
    return {
      figures: [
        {
          name: `server's start → ${ctx.sessions} running sessions adopted`,
          unit: "ms",
          ours,
          baseline,
          compare: "added",
          aim: "≤ 10,000 ms",
          baselineIs: `\`docker inspect\` of the same ${ctx.sessions} containers one after the other, over the same API`,
        },
      ],
      notes: [
        `adoption: of it ${number(percentile(listens, 0.5))} ms until the server listens (p50); ended by SIGTERM and SIGKILL in turn; the sessions' agents are stubs, their containers, sockets and streams real`,
      ],
    };
  } finally {
    await close();
  }
}

/** @returns ms from the new process's start */
async function restart(
  product: Product,
  opts: { signal: NodeJS.Signals; sessions: number },
): Promise<{ adoptedMs: number; listensMs: number }> {
  await product.stop(opts.signal);
  const begun = performance.now();
  const ready = product.start();
  let listensMs = 0;
  for (;;) {
    const elapsedMs = performance.now() - begun;
    const metrics = await readMetrics(product.url);
    if (metrics !== null) {
      listensMs ||= elapsedMs;
      const isRunning = metrics.get('openagent_sessions{state="idle"}') === opts.sessions;
      if (isRunning && metrics.get("openagent_session_streams_down") === 0) break;
    }
    if (elapsedMs > LIMIT_MS) throw new Error(`Not all sessions were adopted within ${LIMIT_MS} ms.`);
    await pause(ASK_EVERY_MS);
  }
  const adoptedMs = performance.now() - begun;
  await ready;
  return { adoptedMs, listensMs };
}

async function inspectAll({ docker }: BenchContext, containers: readonly string[]): Promise<number> {
  const begun = performance.now();
  for (const id of containers) await docker.getContainer(id).inspect();
  return performance.now() - begun;
}
