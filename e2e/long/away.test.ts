import { setTimeout as pause } from "node:timers/promises";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { putToSleep } from "../asleep";
import { launchBrowser, signedInContext } from "../browser";
import { readEvents, spokenText } from "../harness";
import { livePages, words } from "../live-pages";
import { composer, cutMirror, drawn, freshness, LONG, type Piece, proseOf, told } from "../session-page";

const MINUTES = Number(process.env.OPENAGENT_TEST_AWAY_MINUTES ?? 60);
const TURNS = 120;
/** Of the conversation, that every page draws at least: five prompts and their answers. */
const END = 10;
const WORDS = 40;
const CAUGHT_UP_WITHIN_MS = 3_000;
/** A client of Convex that was refused for long asks again this late; what it shows comes from the server until then. */
const CONVEX_ASKS_EVERY_MS = 20_000;

/** R7 and R8 by the clock: pages that are away for an hour, in which the session works and the server is killed. */
describe("pages that were away for an hour", () => {
  const { product, client, browse, open, show, newSession, remove, send, turnsEnd } = livePages({
    shots: "away",
  });

  it("have all in order within seconds: offline, without Convex, asleep", async () => {
    const id = await newSession();
    const { page: offline, context } = await open(id);
    const withoutMirror = await (await browse()).newPage();
    const cut = await cutMirror(withoutMirror);
    await show(withoutMirror, id);
    const laptop = await launchBrowser();
    let wake: () => void = () => undefined;
    try {
      const asleep = await (await signedInContext(laptop, product().url)).newPage();
      await show(asleep, id);
      await composer(asleep).fill("typed before");

      await context.setOffline(true);
      await cut(true);
      wake = await putToSleep(laptop);
      const turns = await workFor(id);
      const all = words(0, turns * WORDS);
      expect(packed(spokenText(await readEvents(client(), id)))).toBe(packed(all));
      const end = (await told(client(), id)).slice(-END);
      // Who lacks Convex alone goes on by the server, an hour later too.
      await expect.poll(() => endOf(withoutMirror), LONG).toEqual(end);
      await freshness(withoutMirror, "reconnecting").waitFor(LONG);
      await freshness(offline, "offline").waitFor(LONG);

      const offlineMs = await catchesUp(offline, end, () => context.setOffline(false));
      const asleepMs = await catchesUp(asleep, end, async () => wake());
      const withoutConvexMs = await catchesUp(withoutMirror, end, () => cut(false));
      for (const page of [offline, withoutMirror, asleep]) {
        const prose = proseOf(await drawn(page));
        // Further back they load what their readers ask for; from there on, nothing twice and nothing missing.
        const from = Number(/^w(\d+)/.exec(prose)?.[1]);
        expect(prose).toBe(words(from, turns * WORDS));
      }
      const measured = JSON.stringify({ offlineMs, asleepMs, withoutConvexMs });
      console.log(`measured: away for ${MINUTES} min, ${turns} turns; all there and live after: ${measured}`);
      expect(await composer(asleep).inputValue()).toBe("typed before");
      await send(id, "say live again");
      for (const page of [offline, withoutMirror, asleep])
        await expect.poll(async () => proseOf(await drawn(page)), LONG).toContain("live again");
      expect(Math.max(offlineMs, asleepMs)).toBeLessThanOrEqual(CAUGHT_UP_WITHIN_MS);
      expect(withoutConvexMs).toBeLessThanOrEqual(CONVEX_ASKS_EVERY_MS);
    } finally {
      // One that sleeps does not close.
      wake();
      await laptop.close();
    }
    await remove(id);
  });

  /** Turns of the agent for all the time; half-way the server is killed in the midst of one. @returns how many */
  async function workFor(id: string): Promise<number> {
    const from = performance.now();
    const until = from + MINUTES * 60_000;
    let turns = 0;
    let wasKilled = false;
    while (performance.now() < until || !wasKilled) {
      const next = performance.now() + (MINUTES * 60_000) / TURNS;
      await send(id, "delay 50", `say ${words(turns * WORDS, (turns + 1) * WORDS)}`);
      turns += 1;
      if (!wasKilled && performance.now() >= (from + until) / 2) {
        await product().stop("SIGKILL");
        await product().start();
        wasKilled = true;
      }
      await turnsEnd(id);
      await pause(Math.max(0, Math.min(next, until) - performance.now()));
    }
    return turns;
  }

  /** What it draws last. */
  const endOf = async (page: Page) => (await drawn(page)).slice(-END);

  /** @returns ms from the end of what kept it away until it is live and draws the conversation's end */
  async function catchesUp(page: Page, end: Piece[], back: () => Promise<void>): Promise<number> {
    const from = performance.now();
    await back();
    await freshness(page, "live").waitFor(LONG);
    await expect.poll(() => endOf(page), { ...LONG, interval: 50 }).toEqual(end);
    return Math.round(performance.now() - from);
  }
});

/** Answers follow each other without a space in the log. */
function packed(text: string): string {
  return text.replace(/\s/g, "");
}
