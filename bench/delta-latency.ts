import { randomUUID } from "node:crypto";
import { followEvents, type OpenAgentClient } from "../src/client/index";
import { startBareOpencode } from "./bare-opencode";
import { type BenchContext, settle } from "./context";
import { addScriptedProvider, startBenchProduct, untilReady } from "./product";
import { clockMs, ClockReader, floodPrompt, pacedPrompt, startScriptedModel } from "./scripted-model";
import { type Figure, type FigureReport, number } from "./table";
import { percentile } from "./stats";

const PACED = { perSecond: 50, count: 500, rounds: 3 };
/** A flood takes a second and its time varies by half of it, so it takes more rounds to be seen. */
const FLOOD = { count: 2000, rounds: 10 };
const SETTLE_MS = 1000;

type Turn = (prompt: string) => Promise<number[]>;

/**
 * From the model's write of a delta to the event in a client of our API. Both sides have their model on the same loopback
 * server and one process that writes and reads, so one clock; what differs is everything between.
 */
export async function deltaLatency(ctx: BenchContext): Promise<FigureReport> {
  const scripted = await startScriptedModel();
  const closeModel = ctx.cleanup.add(() => scripted.close());
  const bench = await startBenchProduct(ctx, { OPENAGENT_ALLOW_PRIVATE: `127.0.0.1:${scripted.port}` });
  const bare = await startBareOpencode(ctx, scripted);
  try {
    const { client } = bench;
    const model = await addScriptedProvider(client, scripted);
    const { id } = await client.sessions.create.mutate({ title: "Bench", model });
    await untilReady(client, id);
    const ours: Turn = (prompt) => turn(client, id, prompt);
    const both = { ctx, ours, baseline: bare.turn };
    // The first turn of each loads what later ones have.
    await ours("hello");
    await bare.turn("hello");
    const paced = await compare({ ...both, ...PACED, prompt: pacedPrompt(PACED) });
    const flood = await compare({ ...both, ...FLOOD, prompt: floodPrompt(FLOOD.count) });
    await client.sessions.remove.mutate({ id });
    return {
      figures: [
        figure(`model delta → client, ${PACED.perSecond} a second`, paced),
        figure(`model delta → client, flood of ${FLOOD.count}`, flood),
      ],
      notes: [
        `flood of ${FLOOD.count}, last delta in after, p50, ms: ours ${number(percentile(flood.oursLast, 0.5))}, baseline ${number(percentile(flood.baselineLast, 0.5))}`,
      ],
    };
  } finally {
    await bare.close();
    await bench.close();
    await closeModel();
  }
}

interface Compared {
  ours: number[];
  baseline: number[];
  /** The slowest delta of each round. */
  oursLast: number[];
  baselineLast: number[];
}

async function compare(opts: {
  ctx: BenchContext;
  ours: Turn;
  baseline: Turn;
  prompt: string;
  count: number;
  rounds: number;
}): Promise<Compared> {
  const all: Compared = { ours: [], baseline: [], oursLast: [], baselineLast: [] };
  for (let round = 1; round <= opts.rounds; round++) {
    for (const side of ["ours", "baseline"] as const) {
      const latencies = await opts[side](opts.prompt);
      if (latencies.length !== opts.count) {
        throw new Error(`${side}: ${opts.count} deltas were written and ${latencies.length} came.`);
      }
      all[side].push(...latencies);
      all[`${side}Last`].push(Math.max(...latencies));
      opts.ctx.progress(
        `"${opts.prompt}" ${round}/${opts.rounds} ${side}: p95 ${number(percentile(latencies, 0.95))} ms`,
      );
      await settle(SETTLE_MS);
    }
  }
  return all;
}

function figure(name: string, { ours, baseline }: Compared): Figure {
  return {
    name,
    unit: "ms",
    ours,
    baseline,
    compare: "added",
    aim: "p95 ≤ +60 ms",
    baselineIs:
      "opencode of the same version on this machine without a container, read from its own event stream",
  };
}

/** Follows the session from its present end through one turn. */
async function turn(client: OpenAgentClient, sessionId: string, prompt: string): Promise<number[]> {
  const { lastSeq } = await client.sessions.get.query({ id: sessionId });
  const stop = new AbortController();
  const clocks = new ClockReader();
  const latencies: number[] = [];
  const sent = client.prompts.send.mutate({ sessionId, text: prompt, key: randomUUID() });
  try {
    for await (const event of followEvents(client, { sessionId, afterSeq: lastSeq, signal: stop.signal })) {
      const arrivedMs = clockMs();
      if (event.type === "part.delta" || event.type === "part.started") {
        for (const writtenMs of clocks.take(event.data.text ?? "")) latencies.push(arrivedMs - writtenMs);
      }
      if (event.type !== "turn.ended") continue;
      const { promptId } = await sent;
      if (event.data.promptId !== promptId) continue;
      if (event.data.outcome !== "done") throw new Error(`The turn failed: ${JSON.stringify(event.data)}`);
      return latencies;
    }
  } finally {
    stop.abort();
  }
  throw new Error("The session's events ended within the turn.");
}
