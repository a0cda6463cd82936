import type { Page } from "playwright-core";
import { startBareOpencode } from "./bare-opencode";
import { coldPage, startBrowser } from "./browser";
import { type BenchContext, settle } from "./context";
import { sessionAddress, untilOpencodeTakesText } from "./opencode-web";
import { startBenchProduct, untilReady } from "./product";
import { startScriptedModel } from "./scripted-model";
import { type FigureReport, number } from "./table";

const ROUNDS = 7;
const SETTLE_MS = 500;
/** What is loaded without being asked for comes within this. */
const SCRIPTS_FOLLOW_MS = 2_000;

interface Loaded {
  /** From the navigation until the page can be typed into, ms. */
  interactiveMs: number;
  /** Of scripts that were loaded by two seconds after that, as sent. */
  scriptKb: number;
}

/** A session's page in a browser with an empty cache, beside opencode's own web UI with its own session. */
export async function pageLoad(ctx: BenchContext): Promise<FigureReport> {
  const model = await startScriptedModel();
  const closeModel = ctx.cleanup.add(() => model.close());
  const bench = await startBenchProduct(ctx);
  const bare = await startBareOpencode(ctx, model);
  const { browser, close: closeBrowser } = await startBrowser(ctx);
  try {
    const { id } = await bench.client.sessions.create.mutate({ title: "Bench" });
    await untilReady(bench.client, id);
    await bare.turn("hello");
    const ours: Loaded[] = [];
    const baseline: Loaded[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const mine = await loadCold(await coldPage(browser, bench), `${bench.url}/sessions/${id}`, (page) =>
        page.getByRole("textbox", { name: /message|ask/i }).waitFor(),
      );
      await settle(SETTLE_MS);
      const theirs = await loadCold(
        await coldPage(browser, { url: bare.url }),
        sessionAddress(bare),
        untilOpencodeTakesText,
      );
      await settle(SETTLE_MS);
      ctx.progress(
        `load ${round}/${ROUNDS}: ${number(mine.interactiveMs)} ms, ${number(theirs.interactiveMs)} ms`,
      );
      // The first round warms the servers up.
      if (round === 0) continue;
      ours.push(mine);
      baseline.push(theirs);
    }
    await bench.client.sessions.remove.mutate({ id });
    const baselineIs = "opencode's own web UI, its session, in the same browser";
    return {
      figures: [
        {
          name: "session page, cold → can be typed into",
          unit: "ms",
          ours: ours.map((load) => load.interactiveMs),
          baseline: baseline.map((load) => load.interactiveMs),
          compare: "ratio",
          aim: "≤ 1500 ms",
          baselineIs,
        },
        {
          name: "script of the session page's first load, as sent",
          unit: "kB",
          ours: ours.map((load) => load.scriptKb),
          baseline: baseline.map((load) => load.scriptKb),
          compare: "ratio",
          aim: "≤ 250 kB",
          baselineIs,
        },
      ],
      notes: [],
    };
  } finally {
    await closeBrowser();
    await bare.close();
    await bench.close();
    await closeModel();
  }
}

async function loadCold(
  { page, context }: Awaited<ReturnType<typeof coldPage>>,
  address: string,
  untilInteractive: (page: Page) => Promise<void>,
): Promise<Loaded> {
  const network = await context.newCDPSession(page);
  await network.send("Network.enable");
  const scripts = new Set<string>();
  let bytes = 0;
  network.on("Network.responseReceived", ({ requestId, type }) => {
    if (type === "Script") scripts.add(requestId);
  });
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (scripts.has(requestId)) bytes += encodedDataLength;
  });
  const begun = performance.now();
  await page.goto(address, { waitUntil: "commit" });
  await untilInteractive(page);
  const interactiveMs = performance.now() - begun;
  // A live page's network is never idle.
  await settle(SCRIPTS_FOLLOW_MS);
  await context.close();
  return { interactiveMs, scriptKb: bytes / 1000 };
}
