import { describe, expect, it } from "vitest";
import { numbered } from "../../timeline/testing";
import { timelineOf } from "../../timeline/timeline";
import { SessionGoneError } from "./session-source";
import { sessionAt, settled } from "./session-source.testing";
import { all, ids, logOf, openPage, turns } from "./session-store.testing";

describe("the server's word", () => {
  it("is what says that a session is gone; then nothing is asked or watched", async () => {
    const page = await openPage();
    page.server.failure = new SessionGoneError("gone");
    page.store.check();
    await settled();
    expect(page.store.current().session).toBeNull();
    expect(page.told.answered.at(-1)).toBe(true);
    expect(page.clock.waiting).toBe(0);
    expect(page.server.watchesSession).toBe(false);
    expect(page.server.mirror.open).toEqual([]);
    const asked = page.server.asked.length;
    page.store.check();
    page.store.setPace({ isVisible: false, isLive: false });
    page.store.setPace({ isVisible: true, isLive: false });
    await page.pass(60_000);
    expect(page.server.asked).toHaveLength(asked);
  });

  it("confirms the mirror's that there is no such session, or not", async () => {
    const page = await openPage();
    page.checks();
    page.server.tellSession(null);
    await settled();
    expect(page.checks()).toBe(1);
    expect(page.store.current().session).not.toBeNull();
    page.server.failure = new SessionGoneError("gone");
    page.server.tellSession(null);
    await settled();
    expect(page.store.current().session).toBeNull();
  });

  it("is missed with a sentence while nothing is shown, and asked for again", async () => {
    const page = await openPage(logOf(3), { failure: new Error("no network") });
    expect(page.store.current()).toEqual({
      session: undefined,
      timeline: null,
      error: "So it is: no network",
    });
    expect(page.told.answered).toEqual([false, false]);
    page.server.failure = null;
    await page.pass(5_000);
    expect(page.store.current()).toMatchObject({ session: { id: "ses_1" }, error: null });
    expect(page.timeline()).not.toBeNull();
    expect(page.told.answered.at(-1)).toBe(true);
    page.server.failure = new Error("no network");
    page.store.check();
    await settled();
    expect(page.store.current().error).toBeNull();
    expect(page.told.answered.at(-1)).toBe(false);
  });

  it("makes events missing that are not here, until they are", async () => {
    const page = await openPage();
    page.grow();
    await page.pass(15_000);
    expect(page.told.missing).toBe(true);
    page.server.mirrorTo();
    page.draw();
    expect(page.told.missing).toBe(false);
    expect(page.server.asked.filter((what) => what === "newest")).toHaveLength(1);
  });

  it("brings itself, after eight seconds, what the mirror does not", async () => {
    const page = await openPage();
    page.grow();
    await page.pass(15_000);
    await page.pass(7_999);
    expect(page.timeline()?.lastSeq).toBe(39);
    await page.pass(1);
    expect(all(page.timeline())).toEqual(
      expect.objectContaining({ lastSeq: page.server.log.length, messages: expect.any(Array) as unknown }),
    );
    expect(page.told.missing).toBe(false);
  });

  it("replaces what is shown when its log ends earlier", async () => {
    const page = await openPage(logOf(9));
    await page.store.loadOlder();
    page.server.log.splice(20);
    page.server.log.push(...numbered([{ type: "session.updated", data: { title: "Before" } }], 21));
    page.server.mirrorTo();
    await page.pass(15_000);
    expect(all(page.timeline())).toEqual(all(timelineOf(page.server.log)));
    expect(page.store.current().session).toMatchObject({ lastSeq: 21 });
    expect(page.told.missing).toBe(false);
    page.grow();
    page.server.mirrorTo();
    page.draw();
    expect(all(page.timeline())).toEqual(all(timelineOf(page.server.log)));
  });

  it("replaces it as well when the log grew past the page before the snapshot was read", async () => {
    const page = await openPage(logOf(9));
    page.server.log.splice(20);
    page.server.isSlow = true;
    page.store.check();
    page.server.answer();
    page.server.log.push(...numbered(turns(30, 45), 21));
    await settled();
    page.server.isSlow = false;
    page.server.answer();
    await settled();
    expect(ids(page.timeline())).toEqual(ids(timelineOf(page.server.log))?.slice(-6));
  });

  it("lets no older row of the session replace a newer", async () => {
    const page = await openPage();
    page.server.tellSession(sessionAt(50, { title: "Newer" }));
    page.server.tellSession(sessionAt(40, { title: "Older" }));
    expect(page.store.current().session).toMatchObject({ title: "Newer" });
    page.server.tellSession(sessionAt(50, { title: "As new" }));
    expect(page.store.current().session).toMatchObject({ title: "As new" });
  });
});

describe("the pace of checks", () => {
  it("is 15 seconds while the page is live, 5 while it is not", async () => {
    const page = await openPage();
    page.checks();
    await page.pass(14_999);
    expect(page.checks()).toBe(0);
    await page.pass(1);
    expect(page.checks()).toBe(1);
    page.store.setPace({ isVisible: true, isLive: false });
    for (let i = 0; i < 3; i += 1) await page.pass(5_000);
    expect(page.checks()).toBe(3);
    page.store.setPace({ isVisible: true, isLive: true });
    await page.pass(14_999);
    expect(page.checks()).toBe(0);
  });

  it("is not put off by being told the same again", async () => {
    const page = await openPage();
    page.checks();
    await page.pass(10_000);
    page.store.setPace({ isVisible: true, isLive: true });
    await page.pass(5_000);
    expect(page.checks()).toBe(1);
  });

  it("is none while the page is hidden, and at once when it is seen again", async () => {
    const page = await openPage();
    page.checks();
    page.store.setPace({ isVisible: false, isLive: true });
    await page.pass(600_000);
    expect(page.checks()).toBe(0);
    expect(page.clock.waiting).toBe(0);
    page.store.setPace({ isVisible: true, isLive: true });
    await settled();
    expect(page.checks()).toBe(1);
    await page.pass(15_000);
    expect(page.checks()).toBe(1);
  });
});
