import { runBareContainer } from "./bare-container";
import { type BenchContext, settle } from "./context";
import { type BenchProduct, startBenchProduct, type StatusEvent, untilReady } from "./product";
import { percentile } from "./stats";
import { type FigureReport, number } from "./table";

const ROUNDS = 10;
const SETTLE_MS = 1000;

/** `sessions.create` until its event says `idle`, the image being present and no container waiting. */
export async function coldStart(ctx: BenchContext): Promise<FigureReport> {
  const bench = await startBenchProduct(ctx);
  try {
    const ours: number[] = [];
    const baseline: number[] = [];
    const containerMs: number[] = [];
    const stages = new Map<string, number[]>();
    // The first of each reads the image's files from disk; it is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      const session = await oneSession(bench);
      await settle(SETTLE_MS);
      const bare = await oneBareContainer(ctx);
      await settle(SETTLE_MS);
      ctx.progress(`cold start ${round}/${ROUNDS}: ${number(session.ms)} ms, bare ${number(bare.ms)} ms`);
      if (round === 0) continue;
      ours.push(session.ms);
      baseline.push(bare.ms);
      containerMs.push(bare.containerMs);
      for (const [step, ms] of session.stages) stages.set(step, [...(stages.get(step) ?? []), ms]);
    }
    const medians = [...stages].map(([step, ms]) => `${step} ${number(percentile(ms, 0.5))}`);
    const bareContainer = percentile(containerMs, 0.5);
    return {
      figures: [
        {
          name: "create → agent-ready, cold",
          unit: "ms",
          ours,
          baseline,
          compare: "ratio",
          aim: "≤ 1.25 ×",
          baselineIs: "`docker run` of the same image with opencode alone, until it says that it listens",
        },
      ],
      notes: [
        `create → agent-ready, p50 by step, ms: ${medians.join(" · ")}; the baseline's container was up after ${number(bareContainer)}`,
      ],
    };
  } finally {
    await bench.close();
  }
}

async function oneSession({ client }: BenchProduct) {
  const begun = performance.now();
  const { id } = await client.sessions.create.mutate({ title: "Bench" });
  const events = await untilReady(client, id);
  const ms = performance.now() - begun;
  await client.sessions.remove.mutate({ id });
  return { ms, stages: stagesOf(events) };
}

async function oneBareContainer(ctx: BenchContext) {
  const begunAt = Date.now();
  const bare = await runBareContainer(ctx);
  const { State } = await ctx.docker.getContainer(bare.id).inspect();
  await bare.remove();
  return { ms: bare.startMs, containerMs: Date.parse(State.StartedAt) - begunAt };
}

/** How long each step took: from its event to the next one, by the server's clock. */
function stagesOf(events: readonly StatusEvent[]): [string, number][] {
  return events.flatMap((event, index): [string, number][] => {
    const next = events[index + 1];
    const step = event.data.step;
    return next && step ? [[step, Date.parse(next.at) - Date.parse(event.at)]] : [];
  });
}
