import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { putToSleep } from "./asleep";
import { PHONE, sideways } from "./browser";
import { runTurn } from "./harness";
import { livePages, words } from "./live-pages";
import {
  composer,
  cutMirror,
  drawn,
  freshness,
  LONG,
  noteFreshness,
  permission,
  type Piece,
  proseOf,
  told,
} from "./session-page";

/** What is taken from a page for longer than a moment, while its session goes on. */
describe("a session's page that was cut off", () => {
  const { product, browser, client, open, show, browse, newSession, remove, send, turnsEnd, shot, spoken } =
    livePages({ shots: "faults" });

  /** What a fresh page of it draws. */
  const anew = async (id: string): Promise<Piece[]> => {
    const { page } = await open(id);
    const whole = await told(client(), id);
    await expect.poll(() => drawn(page), LONG).toEqual(whole);
    return drawn(page);
  };
  /** Marks the page's script, so that it can be seen whether the page was loaded anew. */
  const mark = (page: Page) => page.evaluate(() => (document.documentElement.dataset.same = "yes"));
  const isSame = (page: Page) => page.evaluate(() => document.documentElement.dataset.same === "yes");

  it("says that Convex is away, goes on by the server, and has all in order when Convex is back", async () => {
    const id = await newSession("ask");
    const context = await browse();
    const page = await context.newPage();
    const cut = await cutMirror(page);
    await show(page, id);
    await mark(page);
    await send(
      id,
      "delay 60",
      `say ${words(0, 120)}`,
      'tool bash {"command":"echo asked"}',
      "delay 60",
      `say ${words(120, 240)}`,
    );
    await expect.poll(() => spoken(page), LONG).toContain("w5 ");
    await cut(true);
    await freshness(page, "reconnecting").waitFor(LONG);
    await shot(page, "convex-away");
    const said = await noteFreshness(page);
    const samples: Piece[][] = [];
    const sample = async () => {
      samples.push(await drawn(page));
      return proseOf(samples.at(-1) ?? []);
    };
    // The agent waits for an answer, and the page learns of it and gives it all the same.
    await expect
      .poll(async () => {
        await sample();
        return permission(page).count();
      }, LONG)
      .toBe(1);
    await page.getByRole("button", { name: "Allow once" }).click();
    await expect.poll(sample, LONG).toContain("w130 ");
    await turnsEnd(id);
    await runTurn(client(), { sessionId: id, text: `#script\nthink over\nsay ${words(240, 260)}` });
    await cut(false);
    await freshness(page, "live").waitFor(LONG);
    // It may be behind for a moment; never was it called live.
    expect((await said()).filter((word) => word !== "behind")).toEqual(["reconnecting", "live"]);
    const whole = await told(client(), id);
    expect(proseOf(whole)).toBe([words(0, 120), words(120, 240), words(240, 260)].join(" "));
    await expect.poll(() => drawn(page), LONG).toEqual(whole);
    for (const pieces of samples) {
      expect(proseOf(whole).startsWith(proseOf(pieces)), proseOf(pieces)).toBe(true);
      const ids = pieces.map(([piece]) => piece);
      expect(new Set(ids).size).toBe(ids.length);
    }
    await send(id, "say and it is live again");
    await expect.poll(() => spoken(page), LONG).toContain("and it is live again");
    await turnsEnd(id);
    expect(await drawn(page)).toEqual(await anew(id));
    expect(await isSame(page)).toBe(true);
    await remove(id);
  });

  it("says so on the list of sessions, too, and then lists what there is", async () => {
    const page = await (await browse({ viewport: PHONE })).newPage();
    const cut = await cutMirror(page);
    await page.goto(product().url);
    await page.getByRole("heading", { name: "No sessions yet" }).waitFor(LONG);
    const trouble = page.getByRole("main").getByRole("status").filter({ hasText: "reconnecting" });
    expect(await trouble.count()).toBe(0);
    await cut(true);
    await trouble.waitFor(LONG);
    const id = await newSession("auto", "Made meanwhile");
    await cut(false);
    await trouble.waitFor({ state: "hidden", ...LONG });
    await page.getByRole("main").getByRole("link", { name: "Made meanwhile" }).waitFor(LONG);
    await cut(true);
    await trouble.waitFor(LONG);
    await shot(page, "convex-away-list");
    expect(await sideways(page)).toEqual([]);
    await remove(id);
  });

  it.each([
    ["kept", async () => undefined],
    // The server that comes back knows none of its connections.
    ["lost", restart],
  ])("catches up without a reload after it slept, its connection %s", async (_which, meanwhile) => {
    const id = await newSession();
    const { page } = await open(id);
    await mark(page);
    await composer(page).fill("typed before");
    await send(id, "delay 20", `say ${words(0, 150)}`);
    await expect.poll(() => spoken(page), LONG).toContain("w5 ");
    const wake = await putToSleep(browser());
    try {
      await meanwhile();
      await turnsEnd(id);
      await runTurn(client(), {
        sessionId: id,
        text: `#script\ntool bash {"command":"echo in the night"}\nsay ${words(150, 200)}\nflood 300`,
      });
    } finally {
      wake();
    }
    const whole = await told(client(), id);
    await expect.poll(() => drawn(page), LONG).toEqual(whole);
    await freshness(page, "live").waitFor(LONG);
    await send(id, "say good morning");
    await expect.poll(() => spoken(page), LONG).toContain("good morning");
    await turnsEnd(id);
    expect(await drawn(page)).toEqual(await anew(id));
    expect(await composer(page).inputValue()).toBe("typed before");
    expect(await isSame(page)).toBe(true);
    await remove(id);
  });

  async function restart(): Promise<void> {
    await product().stop("SIGKILL");
    await product().start();
  }
});
