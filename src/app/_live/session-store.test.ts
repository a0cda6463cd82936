import { describe, expect, it } from "vitest";
import { randomEvents, randomFrom } from "../../timeline/testing";
import { timelineOf } from "../../timeline/timeline";
import { settled } from "./session-source.testing";
import { logOf, type OpenPage, openPage } from "./session-store.testing";

describe("a page that is closed", () => {
  const leftOf = ({ clock, frames, server }: OpenPage) => ({
    timers: clock.waiting,
    frames: frames.size,
    windows: server.mirror.open,
    session: server.watchesSession,
  });
  const NOTHING = { timers: 0, frames: 0, windows: [], session: false };

  it("leaves no watch, no timer and no frame", async () => {
    const page = await openPage();
    page.grow();
    page.server.mirrorTo();
    page.store.close();
    expect(leftOf(page)).toEqual(NOTHING);
  });

  it("takes no answer that comes later", async () => {
    const page = await openPage(logOf(3), { isSlow: true });
    page.store.close();
    expect(page.server.answer()).toBe(2);
    await settled();
    expect(page.store.current()).toEqual({ session: undefined, timeline: null, error: null });
    expect(leftOf(page)).toEqual(NOTHING);
  });
});

describe("any log, mirror and connection", () => {
  it("come to the timeline of all events", async () => {
    for (let seed = 1; seed <= 60; seed += 1) await oneStory(seed);
  });

  async function oneStory(seed: number) {
    const random = randomFrom(seed * 17);
    const story = seed % 2 === 0 ? randomEvents(seed, 600) : logOf(45).slice(0, 580);
    const at = random(200);
    // Events at random reach far back: only a page that holds all messages shows what the whole log does.
    const limit = seed % 2 === 0 ? 10_000 : 6;
    const page = await openPage(story.slice(0, at), { isQuick: random(2) === 0, page: limit });
    let mirrored = at;
    const steps = [
      () => page.server.log.push(...story.slice(page.server.log.length, page.server.log.length + random(60))),
      () => {
        mirrored = Math.min(page.server.log.length, mirrored + random(60));
        page.server.mirrorTo(mirrored, random(8) === 0 ? 10 + random(40) : 300);
      },
      () => page.draw(),
      () => page.server.answer(),
      () => (page.server.isSlow = !page.server.isSlow),
      () => (page.server.failure = random(4) === 0 ? new Error("no network") : null),
      () => page.clock.advance(random(6_000)),
      () => page.store.check(),
      () => void page.store.loadOlder().catch(() => undefined),
      () => page.store.setPace({ isVisible: random(3) > 0, isLive: random(2) === 0 }),
      () => page.clock.sleep(random(60_000)),
    ];
    for (let step = 0; step < 120; step += 1) {
      steps[random(steps.length)]?.();
      if (random(2) === 0) await settled();
    }
    await calm(page, story);
    while (page.timeline()?.hasOlder === true) await page.store.loadOlder();
    const whole = timelineOf(story);
    expect(page.timeline()?.lastSeq, `seed ${seed}`).toBe(story.length);
    const { messages, queue, totals, status, settings, errors, todos, changes } = page.timeline() ?? whole;
    expect(messages.slice(), `seed ${seed}`).toEqual(whole.messages.slice());
    expect({ queue, totals, status, settings, errors, todos, changes }, `seed ${seed}`).toEqual({
      queue: whole.queue,
      totals: whole.totals,
      status: whole.status,
      settings: whole.settings,
      errors: whole.errors,
      todos: whole.todos,
      changes: whole.changes,
    });
    // A snapshot has the turns of its messages alone, and events at random end turns that have none.
    const known = limit === 6 ? (page.timeline()?.turns ?? []) : [];
    for (const [turnId, turn] of known) expect(turn, `seed ${seed}`).toEqual(whole.turns.get(turnId));
    expect(page.told.missing, `seed ${seed}`).toBe(false);
    page.store.close();
    expect(page.server.mirror.open).toEqual([]);
    expect(page.clock.waiting).toBe(0);
  }

  /** All is well again: what there is comes. */
  async function calm(page: OpenPage, story: ReturnType<typeof logOf>) {
    page.server.isSlow = false;
    page.server.failure = null;
    page.server.answer();
    page.store.setPace({ isVisible: true, isLive: true });
    page.server.log.push(...story.slice(page.server.log.length));
    for (let i = 0; i < 6; i += 1) {
      page.server.mirrorTo(undefined, 300);
      await settled();
      page.draw();
      await page.pass(15_000);
    }
  }
});
