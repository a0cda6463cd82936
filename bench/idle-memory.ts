import { z } from "zod";
import { containersOf } from "../e2e/harness";
import { runBareContainer } from "./bare-container";
import { type BenchContext, settle } from "./context";
import { type BenchProduct, startBenchProduct, untilReady } from "./product";
import { percentile } from "./stats";
import { type FigureReport, number } from "./table";

const ROUNDS = 3;
/** opencode gives back some of what its start took. */
const IDLE_MS = 10_000;
const MIB = 1024 * 1024;

/** A session's container, idle for 10 s after it was agent-ready. */
export async function idleMemory(ctx: BenchContext): Promise<FigureReport> {
  const bench = await startBenchProduct(ctx);
  try {
    const ours: Memory[] = [];
    const baseline: Memory[] = [];
    // The first of each is charged for the pages of the image's files that it is the first to read; it is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      const session = await oneSession(ctx, { bench, idleMs: round === 0 ? 0 : IDLE_MS });
      const bare = await oneBareContainer(ctx, round === 0 ? 0 : IDLE_MS);
      ctx.progress(
        `idle memory ${round}/${ROUNDS}: ${number(session.total)} MB, bare ${number(bare.total)} MB`,
      );
      if (round === 0) continue;
      ours.push(session);
      baseline.push(bare);
    }
    const privateOf = (samples: readonly Memory[]) =>
      number(
        percentile(
          samples.map((m) => m.anonymous),
          0.5,
        ),
      );
    return {
      figures: [
        {
          name: "memory of an idle session",
          unit: "MB",
          ours: ours.map((memory) => memory.total),
          baseline: baseline.map((memory) => memory.total),
          compare: "ratio",
          aim: "≤ 1.2 ×",
          baselineIs: "the same image with opencode alone, measured the same way",
        },
      ],
      notes: [
        `memory is the container's, less page cache that the kernel can take back (usage − inactive_file), 10 s after ready; of it private to its processes, p50: ours ${privateOf(ours)} MB, baseline ${privateOf(baseline)} MB`,
      ],
    };
  } finally {
    await bench.close();
  }
}

/** MiB */
interface Memory {
  total: number;
  anonymous: number;
}

async function oneSession(ctx: BenchContext, opts: { bench: BenchProduct; idleMs: number }): Promise<Memory> {
  const { client, instance } = opts.bench;
  const { id } = await client.sessions.create.mutate({ title: "Bench" });
  await untilReady(client, id);
  await settle(opts.idleMs);
  const [container] = await containersOf(instance);
  if (container === undefined) throw new Error("The session has no container.");
  const memory = await memoryOf(ctx, container);
  await client.sessions.remove.mutate({ id });
  return memory;
}

async function oneBareContainer(ctx: BenchContext, idleMs: number): Promise<Memory> {
  const bare = await runBareContainer(ctx);
  await settle(idleMs);
  const memory = await memoryOf(ctx, bare.id);
  await bare.remove();
  return memory;
}

/** cgroup 1 says `total_inactive_file` and `total_rss`, cgroup 2 `inactive_file` and `anon`. */
const stats = z.object({
  memory_stats: z.object({ usage: z.number(), stats: z.record(z.string(), z.number()) }),
});

async function memoryOf(ctx: BenchContext, container: string): Promise<Memory> {
  const answer = await ctx.docker.getContainer(container).stats({ stream: false, "one-shot": true });
  const { usage, stats: detail } = stats.parse(answer).memory_stats;
  const inactiveFile = detail["total_inactive_file"] ?? detail["inactive_file"] ?? 0;
  const anonymous = detail["total_rss"] ?? detail["anon"] ?? 0;
  return { total: (usage - inactiveFile) / MIB, anonymous: anonymous / MIB };
}
