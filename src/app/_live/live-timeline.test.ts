import { describe, expect, it } from "vitest";
import { STAND_IN_TYPE } from "../../timeline/stand-in";
import { numbered, plainTurn } from "../../timeline/testing";
import { timelineOf } from "../../timeline/timeline";
import { rowOf, settled } from "./session-source.testing";
import { all, ids, logOf, openPage, turns } from "./session-store.testing";

describe("a session's page", () => {
  it("shows the snapshot and goes on with the mirror's events", async () => {
    const page = await openPage();
    expect(page.store.current()).toMatchObject({ session: { title: "Fix login" }, error: null });
    expect(all(page.timeline())).toEqual(all(timelineOf(page.server.log)));
    page.grow();
    page.server.mirrorTo();
    page.draw();
    expect(all(page.timeline())).toEqual(all(timelineOf(page.server.log)));
  });

  it("is drawn once a frame, however many events come", async () => {
    const page = await openPage();
    const before = page.notifications();
    for (let turn = 0; turn < 3; turn += 1) {
      page.grow();
      page.server.mirrorTo();
    }
    expect(page.frames.size).toBe(1);
    expect(page.notifications()).toBe(before);
    page.draw();
    expect(page.notifications()).toBe(before + 1);
    expect(page.timeline()?.lastSeq).toBe(page.server.log.length);
  });

  it("reads a fresh snapshot where the mirror has a gap, and goes on from it", async () => {
    const page = await openPage();
    for (let turn = 0; turn < 20; turn += 1) page.grow();
    page.server.mirrorTo(undefined, 30);
    await settled();
    expect(page.timeline()?.lastSeq).toBe(page.server.log.length);
    page.grow();
    page.server.mirrorTo();
    page.draw();
    expect(page.timeline()?.lastSeq).toBe(page.server.log.length);
    expect(page.server.asked.filter((what) => what === "newest")).toHaveLength(2);
  });

  it("reads that snapshot again with the next check when the server did not answer", async () => {
    const page = await openPage();
    page.server.failure = new Error("no network");
    for (let turn = 0; turn < 20; turn += 1) page.grow();
    page.server.mirrorTo(undefined, 30);
    await settled();
    page.store.setPace({ isVisible: true, isLive: false });
    page.server.failure = null;
    await page.pass(5_000);
    expect(page.timeline()?.lastSeq).toBe(page.server.log.length);
  });

  it.each([true, false])(
    "does not ask without end when server and mirror disagree on what there is (quick: %s)",
    async (isQuick) => {
      const page = await openPage(logOf(3), { isQuick });
      page.server.mirror.rows = page.server.mirror.rows.map((row) => ({ ...row, seq: row.seq + 60 }));
      for (let i = 0; i < 10; i += 1) {
        page.server.mirror.tell();
        await settled();
      }
      expect(page.server.asked.filter((what) => what === "newest").length).toBeLessThanOrEqual(4);
      page.server.log.push(...numbered(turns(4, 12), page.server.log.length + 1));
      page.server.mirrorTo();
      await page.pass(15_000);
      page.draw();
      expect(all(page.timeline())?.lastSeq).toBe(page.server.log.length);
    },
  );

  it("keeps what the mirror brought while an older snapshot was on its way", async () => {
    const page = await openPage();
    await page.store.loadOlder();
    page.server.isSlow = true;
    page.grow();
    page.store.check();
    page.server.answer();
    await settled();
    page.clock.sleep(8_000);
    await settled();
    page.server.answer();
    await settled();
    // The snapshot is asked for by now, and the mirror is quicker.
    expect(page.server.asked.at(-1)).toBe("newest");
    page.grow();
    page.server.mirrorTo();
    page.draw();
    const shown = page.timeline();
    page.server.answer();
    await settled();
    expect(page.timeline()).toBe(shown);
    expect(shown?.lastSeq).toBe(page.server.log.length);
  });

  it("has an event that the mirror refused from the server, and goes on behind it", async () => {
    const page = await openPage();
    const first = page.server.log.length + 1;
    page.grow();
    page.server.mirror.rows = page.server.log.map((event) =>
      event.seq === first + 2 ? { ...rowOf(event), type: STAND_IN_TYPE, data: "{}" } : rowOf(event),
    );
    page.server.mirror.tell();
    await settled();
    page.draw();
    expect(all(page.timeline())).toEqual(all(timelineOf(page.server.log)));
    page.server.log.push(...numbered(plainTurn(40), page.server.log.length + 1));
    page.server.mirror.rows = [
      ...page.server.mirror.rows,
      ...page.server.log.slice(page.server.mirror.rows.length).map(rowOf),
    ];
    page.server.mirror.tell();
    page.draw();
    expect(all(page.timeline())).toEqual(all(timelineOf(page.server.log)));
    expect(page.server.asked.filter((what) => what === "newest")).toHaveLength(2);
  });

  it("passes over an event of a type that it does not know", async () => {
    const page = await openPage();
    const { length } = page.server.log;
    const shown = page.timeline();
    page.server.mirror.rows = [
      ...page.server.mirror.rows,
      { seq: length + 1, at: "", type: "part.sung", data: "{}" },
    ];
    page.server.mirror.tell();
    page.draw();
    expect(page.timeline()).toEqual({ ...shown, lastSeq: length + 1 });
  });
});

describe("older messages", () => {
  it("come before the others, page by page", async () => {
    const page = await openPage(logOf(9), { page: 4 });
    while (page.timeline()?.hasOlder === true) await page.store.loadOlder();
    expect(all(page.timeline())).toEqual(all(timelineOf(page.server.log)));
    await page.store.loadOlder();
    expect(ids(page.timeline())).toHaveLength(18);
  });

  it("are asked for once by two who want them at the same time", async () => {
    const page = await openPage(logOf(9), { page: 4 });
    await Promise.all([page.store.loadOlder(), page.store.loadOlder()]);
    expect(page.server.asked.filter((what) => what.startsWith("before"))).toHaveLength(1);
    expect(ids(page.timeline())).toHaveLength(8);
  });

  it("are brought to where the page is when the page went on meanwhile", async () => {
    const page = await openPage(logOf(9), { page: 4 });
    page.server.isSlow = true;
    const loaded = page.store.loadOlder();
    page.grow([{ type: "message.ended", data: { messageId: "msg_7_agent", role: "assistant", cost: 9 } }]);
    page.grow();
    page.server.mirrorTo();
    page.draw();
    page.server.answer();
    await loaded;
    expect(
      page
        .timeline()
        ?.messages.slice()
        .find(({ id }) => id === "msg_7_agent")?.cost,
    ).toBe(9);
    expect(page.timeline()?.lastSeq).toBe(page.server.log.length);
  });

  it("wait for the page when they are further than it is, which counts as missing until then", async () => {
    const page = await openPage(logOf(9), { page: 4 });
    page.grow();
    const loaded = page.store.loadOlder();
    await settled();
    expect(ids(page.timeline())).toHaveLength(4);
    expect(page.told.missing).toBe(true);
    page.server.mirrorTo();
    page.draw();
    await loaded;
    expect(page.told.missing).toBe(false);
    expect(ids(page.timeline())).toEqual(ids(timelineOf(page.server.log))?.slice(-10));
  });

  it("come after all when what they wait for is fetched from the server", async () => {
    const page = await openPage(logOf(9), { page: 4 });
    page.grow();
    const loaded = page.store.loadOlder();
    await settled();
    await page.pass(5_000);
    await page.pass(3_000);
    await loaded;
    expect(ids(page.timeline())).toEqual(ids(timelineOf(page.server.log))?.slice(-10));
  });

  it("never stand beside messages that they do not touch", async () => {
    const page = await openPage(logOf(9), { page: 4 });
    page.server.isSlow = true;
    const loaded = page.store.loadOlder();
    for (let turn = 0; turn < 20; turn += 1) page.grow(plainTurn(10 + turn));
    page.server.mirrorTo(undefined, 30);
    page.server.answer();
    await settled();
    page.server.isSlow = false;
    page.server.answer();
    await loaded;
    expect(ids(page.timeline())).toEqual(ids(timelineOf(page.server.log))?.slice(-8));
  });

  it("are asked for again when it is not known what became of them, and given up with a sentence", async () => {
    const page = await openPage(logOf(9), { page: 4 });
    const { timeline } = page.server.source;
    // As of a server that is put back again and again: what it says is of before the snapshot.
    page.server.source.timeline = async (opts) => {
      const window = await timeline(opts);
      return opts.beforeSeq === undefined ? window : { ...window, lastSeq: window.lastSeq - 1 };
    };
    await expect(page.store.loadOlder()).rejects.toThrow("Older messages changed while they were read");
    expect(page.server.asked.filter((what) => what.startsWith("before"))).toHaveLength(3);
  });

  it("are not waited for on a page that is closed", async () => {
    const page = await openPage(logOf(9), { page: 4 });
    page.grow();
    const loaded = page.store.loadOlder();
    await settled();
    page.store.close();
    await loaded;
    expect(page.told.missing).toBe(false);

    const other = await openPage(logOf(9), { page: 4, isSlow: false });
    other.server.isSlow = true;
    other.grow();
    const late = other.store.loadOlder();
    other.store.close();
    other.server.answer();
    await late;
    expect(other.told.missing).toBe(false);
  });

  it("say that the server does not answer; what is shown stays", async () => {
    const page = await openPage(logOf(9), { page: 4 });
    page.server.failure = new Error("no network");
    await expect(page.store.loadOlder()).rejects.toThrow("no network");
    expect(page.store.current().error).toBeNull();
    expect(page.told.answered.at(-1)).toBe(false);
    expect(ids(page.timeline())).toHaveLength(4);
  });
});
