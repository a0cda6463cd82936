import type { Browser } from "playwright-core";
import { runTurn, sessionIs } from "../e2e/harness";
import type { SessionEvent } from "../sidecar/src/contract";
import { startBareOpencode } from "./bare-opencode";
import { coldPage, startBrowser } from "./browser";
import { type BenchContext, settle } from "./context";
import { newestText, sessionAddress } from "./opencode-web";
import { addScriptedProvider, type BenchProduct, startBenchProduct, untilReady } from "./product";
import { repeatTurns } from "./repeat-turns";
import { floodPrompt, pacedPrompt, startScriptedModel } from "./scripted-model";
import { type FigureReport, number } from "./table";

const EVENTS = 20_000;
/** Of a long answer, at a pace at which each is an event. */
const LONG = { count: 400, perSecond: 40 };
/** What people say after one. */
const SHORT_PROMPT = "and then?";
const NEWEST_PROMPT = floodPrompt(1);
const ROUNDS = 7;
const SETTLE_MS = 500;

/**
 * The page of a session with 20,000 events in a browser with an empty cache: from the navigation until its newest message is
 * there. Beside it opencode's own web UI with a session that was asked the same.
 */
export async function sessionOpen(ctx: BenchContext): Promise<FigureReport> {
  const model = await startScriptedModel();
  const closeModel = ctx.cleanup.add(() => model.close());
  const bench = await startBenchProduct(ctx, { OPENAGENT_ALLOW_PRIVATE: `127.0.0.1:${model.port}` });
  const bare = await startBareOpencode(ctx, model);
  const { browser, close: closeBrowser } = await startBrowser(ctx);
  try {
    const { client } = bench;
    const ref = await addScriptedProvider(client, model);
    const { id } = await client.sessions.create.mutate({ title: "Bench", model: ref });
    await untilReady(client, id);
    const turns = await recordTurns(bench, id);
    await bench.whileStopped((dataDir) => repeatTurns(dataDir, { sessionId: id, turns, events: EVENTS }));
    await sessionIs(client, id, "idle");
    const { text: newest } = await runTurn(client, { sessionId: id, text: NEWEST_PROMPT });
    const { lastSeq } = await client.sessions.get.query({ id });
    const rounds = Math.round(lastSeq / turns.length);
    for (let round = 0; round < rounds; round++) {
      await bare.turn(floodPrompt(LONG.count));
      await bare.turn(SHORT_PROMPT);
    }
    await bare.turn(NEWEST_PROMPT);
    ctx.progress(`open: ${lastSeq} events here, opencode was asked the same`);
    const mine = { at: bench, address: `${bench.url}/sessions/${id}`, newest: newest.trim() };
    const theirs = { at: { url: bare.url }, address: sessionAddress(bare), newest: await newestText(bare) };
    const ours: number[] = [];
    const baseline: number[] = [];
    let first = 0;
    for (let round = 0; round <= ROUNDS; round++) {
      const oursMs = await openCold(browser, mine);
      await settle(SETTLE_MS);
      const theirsMs = await openCold(browser, theirs);
      await settle(SETTLE_MS);
      ctx.progress(`open ${round}/${ROUNDS}: ${number(oursMs)} ms, ${number(theirsMs)} ms`);
      // The first round warms the servers up.
      if (round === 0) first = oursMs;
      else {
        ours.push(oursMs);
        baseline.push(theirsMs);
      }
    }
    await client.sessions.remove.mutate({ id });
    return {
      figures: [
        {
          name: "session of 20,000 events, cold → newest message in the page",
          unit: "ms",
          ours,
          baseline,
          compare: "ratio",
          aim: "≤ 1000 ms",
          baselineIs: "opencode's own web UI in the same browser, a session that was asked the same",
        },
      ],
      notes: [
        `the session that is opened has ${lastSeq} events, ${rounds} times the same two turns; the first time, when the server had read nothing of it yet, it took ${number(first)} ms`,
      ],
    };
  } finally {
    await closeBrowser();
    await bare.close();
    await bench.close();
    await closeModel();
  }
}

/** Takes the turns that make the session's beginning. @returns their events */
async function recordTurns({ client }: BenchProduct, sessionId: string): Promise<SessionEvent[]> {
  const events: SessionEvent[] = [];
  for (const text of [pacedPrompt(LONG), SHORT_PROMPT]) {
    events.push(...(await runTurn(client, { sessionId, text })).events);
  }
  return events.filter(({ type }) => type !== "session.status");
}

async function openCold(
  browser: Browser,
  { at, address, newest }: { at: { url: string; cookie?: string }; address: string; newest: string },
): Promise<number> {
  const { page, context } = await coldPage(browser, at);
  const begun = performance.now();
  await page.goto(address, { waitUntil: "commit" });
  await page.getByText(newest).first().waitFor();
  const tookMs = performance.now() - begun;
  await context.close();
  return tookMs;
}
