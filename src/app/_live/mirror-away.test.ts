import { describe, expect, it } from "vitest";
import { numbered } from "../../timeline/testing";
import { timelineOf } from "../../timeline/timeline";
import { type Connection, createConnection } from "./connection";
import { SignedOutError } from "./session-source";
import { settled } from "./session-source.testing";
import { all, ids, logOf, openPage, turns } from "./session-store.testing";

const AWAY_S = 300;

describe("a mirror that is away for five minutes", () => {
  /** A page with its connection, of which the mirror is as a test says. */
  async function openConnected() {
    let connection: Connection | null = null;
    const page = await openPage(logOf(2), {
      page: 10_000,
      freshnessOf: (clock) => (connection = createConnection({ clock })),
    });
    const { clock, store } = page;
    const joined = connection ?? createConnection({ clock });
    const words: string[] = [];
    joined.subscribe(() => {
      const { state } = joined.current();
      if (words.at(-1) !== state) words.push(state);
      store.setPace({ isVisible: true, isLive: state === "live" });
    });
    joined.setSocket(true);
    page.draw();
    return { ...page, connection: joined, words };
  }

  it.each([
    ["all that was missed", Infinity],
    ["no more than the last of it", 40],
  ])(
    "is told of; the server is asked instead, and all comes in order when it is back with %s",
    async (_what, kept) => {
      const page = await openConnected();
      const { server, clock, connection, words } = page;
      const awaySinceMs = clock.nowMs();
      connection.setSocket(false);
      const seen: { lastSeq: number; ids: readonly string[] }[] = [];
      page.checks();
      for (let second = 0; second < AWAY_S; second += 1) {
        if (second % 10 === 0)
          server.log.push(...numbered(turns(3 + second, 3 + second), server.log.length + 1));
        await page.pass(1_000);
        page.draw();
        const { lastSeq = 0 } = page.timeline() ?? {};
        expect(all(page.timeline())).toEqual(all(timelineOf(server.log.slice(0, lastSeq))));
        seen.push({ lastSeq, ids: ids(page.timeline()) ?? [] });
      }
      expect(words).toEqual(["reconnecting"]);
      expect(connection.current()).toEqual({ state: "reconnecting", sinceMs: awaySinceMs });
      // Every few seconds, and not in a row.
      expect(page.checks()).toBeLessThanOrEqual(AWAY_S / 4);
      expect(seen.at(-1)?.lastSeq).toBeGreaterThan(server.log.length * 0.9);
      for (const [index, now] of seen.entries()) {
        const before = seen[index - 1];
        if (before !== undefined) expect(now.ids.slice(0, before.ids.length)).toEqual(before.ids);
        expect(new Set(now.ids).size).toBe(now.ids.length);
      }
      connection.setSocket(true);
      server.mirrorTo(undefined, kept);
      await settled();
      page.draw();
      page.grow();
      server.mirrorTo(undefined, kept);
      await settled();
      page.draw();
      expect(all(page.timeline())).toEqual(all(timelineOf(server.log)));
      expect(words.at(-1)).toBe("live");
      page.store.close();
      connection.close();
      expect(clock.waiting).toBe(0);
    },
  );

  it("is not told of a server that says that nobody is signed in: it answers", async () => {
    const page = await openConnected();
    page.server.failure = new SignedOutError("Sign in again.");
    await page.pass(60_000);
    expect(page.told.answered.every((answered) => answered)).toBe(true);
    expect(page.words).toEqual([]);
  });
});
