/** Chromium for figures of the pages: cold contexts, one clock with this process, and a watch on the page's text. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { cookiesOf, DESKTOP, launchBrowser } from "../e2e/browser";
import type { BenchContext } from "./context";
import { clockMs, ClockReader } from "./scripted-model";

const LIMIT_MS = 60_000;

/** The caller closes it. */
export async function startBrowser(ctx: BenchContext): Promise<{ browser: Browser; close(): Promise<void> }> {
  const browser = await launchBrowser();
  return { browser, close: ctx.cleanup.add(() => browser.close()) };
}

/** A page with an empty cache, signed in when a cookie header is given. */
export async function coldPage(
  browser: Browser,
  at: { url: string; cookie?: string },
): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({ viewport: DESKTOP });
  context.setDefaultTimeout(LIMIT_MS);
  // What compiles this file keeps function names with a helper that a page does not have.
  await context.addInitScript({ content: "globalThis.__name ??= (named) => named;" });
  if (at.cookie !== undefined) {
    await context.addCookies(cookiesOf(at.cookie, at.url));
  }
  return { page: await context.newPage(), context };
}

/** What a page showed in one turn. Times are of this process's clock, ms since 1970. */
export interface Shown {
  /** Of each clock reading that came into the page's text: written by the model until it was in the document. */
  latenciesMs: number[];
  /** When each frame was drawn, from the beginning of the watch until all was in the page. */
  frameTimesMs: number[];
}

interface Watch {
  seen: [text: string, atMs: number][];
  frames: number[];
  end(): void;
}
declare global {
  interface Window {
    benchWatch?: Watch;
    /** Every reading that was ever in the page: an older turn's text is no news. */
    benchKnown?: Set<string>;
  }
}

/** Begins to note which clock readings of the model come into the page's text, and when. */
export async function watchText(page: Page): Promise<void> {
  await page.evaluate(() => {
    const known = (window.benchKnown ??= new Set());
    const now = () => performance.timeOrigin + performance.now();
    const seen: Watch["seen"] = [];
    const look = (text: string) => {
      for (const [reading] of text.matchAll(/<\d+\.\d{3}>/g)) {
        if (known.has(reading)) continue;
        known.add(reading);
        seen.push([reading, now()]);
      }
    };
    look(document.body.textContent);
    seen.length = 0;
    const observer = new MutationObserver((records) => {
      // One look at each place that changed, however many records tell of it.
      const places = new Set<Node>();
      for (const { target, addedNodes } of records) {
        places.add(target);
        for (const node of addedNodes) places.add(node);
      }
      for (const node of places) look(node.textContent ?? "");
    });
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    const frames: number[] = [];
    const frame = () => {
      frames.push(now());
      nextFrame = requestAnimationFrame(frame);
    };
    let nextFrame = requestAnimationFrame(frame);
    const end = () => {
      observer.disconnect();
      cancelAnimationFrame(nextFrame);
    };
    window.benchWatch = { seen, frames, end };
  });
}

/** Waits until `count` readings are in the page, and takes what was noted. @throws Error when they do not come */
export async function takeShown(page: Page, count: number): Promise<Shown> {
  const offsetMs = await clockOffset(page);
  const hasAll = (wanted: number) => (window.benchWatch?.seen.length ?? 0) >= wanted;
  await page.waitForFunction(hasAll, count, { polling: 100 }).catch(async (cause: unknown) => {
    const came = await page.evaluate(() => window.benchWatch?.seen.length);
    throw new Error(`Of ${count} readings ${came ?? "none"} came into the page.`, { cause });
  });
  const watch = await page.evaluate(() => {
    const { seen = [], frames = [], end } = window.benchWatch ?? {};
    end?.();
    return { seen, frames };
  });
  const clocks = new ClockReader();
  const latenciesMs = watch.seen.flatMap(([text, atMs]) =>
    clocks.take(text).map((writtenMs) => atMs - offsetMs - writtenMs),
  );
  return { latenciesMs, frameTimesMs: watch.frames.map((at) => at - offsetMs) };
}

/** How far the page's clock is ahead of ours, ms; as exact as half of the shortest of a few round trips. */
async function clockOffset(page: Page): Promise<number> {
  let best = { tripMs: Infinity, offsetMs: 0 };
  for (let trial = 0; trial < 20; trial++) {
    const before = clockMs();
    const theirs = await page.evaluate(() => performance.timeOrigin + performance.now());
    const tripMs = clockMs() - before;
    if (tripMs < best.tripMs) best = { tripMs, offsetMs: theirs - before - tripMs / 2 };
  }
  return best.offsetMs;
}
