import { randomUUID } from "node:crypto";
import type { Page } from "playwright-core";
import type { OpenAgentClient } from "../src/client/index";
import { startBareOpencode } from "./bare-opencode";
import { coldPage, startBrowser, takeShown, watchText } from "./browser";
import { type BenchContext, settle } from "./context";
import { addScriptedProvider, eventsUntil, startBenchProduct, untilReady } from "./product";
import { sessionAddress, untilOpencodeTakesText } from "./opencode-web";
import { floodPrompt, pacedPrompt, startScriptedModel } from "./scripted-model";
import { type SwappableImage, swappableImage } from "./stand-in-image";
import { percentile } from "./stats";
import { type Figure, type FigureReport, number } from "./table";

const PACED = { perSecond: 50, count: 300 };
const FLOOD = 2000;
const ROUNDS = 3;
/** Beside the session that is looked at, all at the same pace. */
const OTHERS = 19;
/** Longer than all of them take to start and all rounds take to read. */
const NOISE_SECONDS = 240;
const SETTLE_MS = 1000;

/** One turn. @returns when its deltas were in the page, and its frames */
type PageTurn = (prompt: string, count: number) => Promise<{ latenciesMs: number[]; frameTimesMs: number[] }>;

/**
 * From the model's write of a delta to the text in the page, in Chromium; beside it opencode's own event stream (no page)
 * and, for the frames, opencode's own web UI.
 */
export async function pageStream(ctx: BenchContext): Promise<FigureReport> {
  const model = await startScriptedModel();
  const closeModel = ctx.cleanup.add(() => model.close());
  const image = await swappableImage(ctx);
  const env = { OPENAGENT_SESSION_IMAGE: image.ref, OPENAGENT_ALLOW_PRIVATE: `127.0.0.1:${model.port}` };
  const bench = await startBenchProduct(ctx, env);
  const bare = await startBareOpencode(ctx, model);
  const { browser, close: closeBrowser } = await startBrowser(ctx);
  try {
    const { client } = bench;
    const ref = await addScriptedProvider(client, model);
    const id = await readySession(client, ref);
    const { page } = await coldPage(browser, bench);
    await page.goto(`${bench.url}/sessions/${id}`);
    await page.getByRole("textbox", { name: /message|ask/i }).waitFor();
    const theirs = (await coldPage(browser, { url: bare.url })).page;
    await theirs.goto(sessionAddress(bare));
    await untilOpencodeTakesText(theirs);

    const ours: PageTurn = (prompt, count) => shownDuring(page, count, () => send(client, id, prompt));
    const web: PageTurn = (prompt, count) => shownDuring(theirs, count, () => bare.turn(prompt));
    await ours(pacedPrompt({ ...PACED, count: 10 }), 10);
    await web(pacedPrompt({ ...PACED, count: 10 }), 10);

    const alone = await paced(ctx, { ours, baseline: bare.turn });
    const flood = await floods(ctx, { ours, web });
    const crowd = await startCrowd(ctx, { client, ref, image });
    const contained = await startBareOpencode(ctx, model, { inContainer: true });
    await contained.turn(pacedPrompt({ ...PACED, count: 10 }));
    const among = await paced(ctx, { ours, baseline: contained.turn });
    await crowd.hush();
    await contained.close();
    await Promise.all([id, ...crowd.ids].map((each) => client.sessions.remove.mutate({ id: each })));
    return {
      figures: [
        pacedFigure("model delta → page, 50 a second", alone, "without a container"),
        pacedFigure(
          `model delta → page, 50 a second in each of ${OTHERS + 1} sessions`,
          among,
          "in a bare container, beside the same sessions",
        ),
        {
          name: `frames a second in a flood of ${FLOOD} deltas`,
          unit: "frames/s",
          ours: flood.ours.map(framesPerSecond),
          baseline: flood.web.map(framesPerSecond),
          compare: "ratio",
          aim: "≥ 50 frames/s",
          baselineIs: "opencode's own web UI in the same browser",
        },
      ],
      notes: [
        `flood of ${FLOOD}, slowest delta in the page after, ms: ours ${slowest(flood.ours)}, opencode's web UI ${slowest(flood.web)}; aim: within 1000 of the last`,
        `the ${OTHERS} other sessions have a stand-in for opencode that hands on what the model streams: all else in them is the product's`,
      ],
    };
  } finally {
    await closeBrowser();
    await bare.close();
    await bench.close();
    await closeModel();
  }
}

interface ModelRef {
  providerId: string;
  modelId: string;
}

async function readySession(client: OpenAgentClient, model: ModelRef): Promise<string> {
  const { id } = await client.sessions.create.mutate({ title: "Bench", model });
  await untilReady(client, id);
  return id;
}

async function send(client: OpenAgentClient, sessionId: string, text: string): Promise<void> {
  await client.prompts.send.mutate({ sessionId, text, key: randomUUID() });
}

async function shownDuring(page: Page, count: number, act: () => Promise<unknown>) {
  await watchText(page);
  const [shown] = await Promise.all([takeShown(page, count), act()]);
  return shown;
}

/**
 * Sessions that nobody looks at, all of which write at the same pace when this resolves. Their agents are stand-ins: each
 * real opencode takes most of a core at this pace, whoever runs it.
 */
async function startCrowd(
  ctx: BenchContext,
  { client, ref, image }: { client: OpenAgentClient; ref: ModelRef; image: SwappableImage },
): Promise<{ ids: string[]; hush(): Promise<void> }> {
  await image.useStandIn();
  const ids = await Promise.all(Array.from({ length: OTHERS }, () => readySession(client, ref)));
  const prompt = pacedPrompt({ ...PACED, count: PACED.perSecond * NOISE_SECONDS });
  await Promise.all(
    ids.map(async (id) => {
      await send(client, id, prompt);
      await eventsUntil(client, id, ({ type }) => type === "part.delta");
    }),
  );
  await settle(SETTLE_MS);
  ctx.progress(`${ids.length} other sessions write`);
  const abort = (sessionId: string) => client.prompts.abort.mutate({ sessionId });
  return { ids, hush: async () => void (await Promise.all(ids.map(abort))) };
}

interface Paced {
  ours: number[];
  baseline: number[];
}

async function paced(
  ctx: BenchContext,
  sides: { ours: PageTurn; baseline: (prompt: string) => Promise<number[]> },
): Promise<Paced> {
  const all: Paced = { ours: [], baseline: [] };
  const prompt = pacedPrompt(PACED);
  for (let round = 1; round <= ROUNDS; round++) {
    const { latenciesMs } = await sides.ours(prompt, PACED.count);
    await settle(SETTLE_MS);
    const baseline = await sides.baseline(prompt);
    await settle(SETTLE_MS);
    ctx.progress(
      `page ${round}/${ROUNDS}: p95 ${number(percentile(latenciesMs, 0.95))} ms, opencode's stream ${number(percentile(baseline, 0.95))} ms`,
    );
    all.ours.push(...latenciesMs);
    all.baseline.push(...baseline);
  }
  return all;
}

type Flood = Awaited<ReturnType<PageTurn>>;

async function floods(
  ctx: BenchContext,
  sides: { ours: PageTurn; web: PageTurn },
): Promise<{ ours: Flood[]; web: Flood[] }> {
  const all: { ours: Flood[]; web: Flood[] } = { ours: [], web: [] };
  for (let round = 1; round <= ROUNDS; round++) {
    for (const side of ["ours", "web"] as const) {
      const shown = await sides[side](floodPrompt(FLOOD), FLOOD);
      ctx.progress(`flood ${round}/${ROUNDS} ${side}: ${number(framesPerSecond(shown))} frames/s`);
      all[side].push(shown);
      await settle(SETTLE_MS);
    }
  }
  return all;
}

function framesPerSecond({ frameTimesMs }: Flood): number {
  const tookMs = (frameTimesMs.at(-1) ?? 0) - (frameTimesMs[0] ?? 0);
  return tookMs === 0 ? 0 : ((frameTimesMs.length - 1) * 1000) / tookMs;
}

function slowest(rounds: readonly Flood[]): string {
  return number(Math.max(...rounds.flatMap((round) => round.latenciesMs)));
}

function pacedFigure(name: string, { ours, baseline }: Paced, where: string): Figure {
  return {
    name,
    unit: "ms",
    ours,
    baseline,
    compare: "added",
    aim: "p95 ≤ +100 ms",
    baselineIs: `opencode of the same version on this machine ${where}, read from its own event stream by a program`,
  };
}
