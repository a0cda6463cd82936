import { describe, expect, it } from "vitest";
import { STAND_IN_TYPE } from "../../timeline/stand-in";
import { randomFrom } from "../../timeline/testing";
import { createEventFeed, WINDOW } from "./event-feed";
import type { EventRow } from "./parse-event";
import { scriptedMirror } from "./session-source.testing";

const rowAt = (seq: number): EventRow => ({ seq, at: "", type: "part.delta", data: "{}" });
const rows = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => rowAt(from + index));

function setUp(opts: { isQuick?: boolean } = {}) {
  const mirror = scriptedMirror(opts);
  const given: number[] = [];
  const gaps: number[] = [];
  const feed = createEventFeed({
    watchWindow: mirror.watchWindow,
    onEvents: (events) => given.push(...events.map(({ seq }) => seq)),
    onGap: () => gaps.push(given.at(-1) ?? 0),
  });
  const grow = (to: number, from = 1) => {
    mirror.rows = rows(from, to);
    mirror.tell();
  };
  return { mirror, feed, given, gaps, grow };
}
const numbers = (from: number, to: number) => rows(from, to).map(({ seq }) => seq);

describe("a session's events", () => {
  it("come each once and in order, however many come at a time", () => {
    for (const step of [1, 7, 69, 70, 71, 99, 100, 101, 170, 200, 450]) {
      const { feed, given, gaps, grow } = setUp();
      feed.start(0);
      for (let to = step; to <= 450; to += step) grow(to);
      // A window that is opened by what came is told of with the next news.
      for (let i = 0; i < 5; i += 1) grow(450);
      expect(given, `${step} at a time`).toEqual(numbers(1, 450));
      expect(gaps).toEqual([]);
    }
  });

  it.each([0, 1, 69, 70, 99, 100, 101, 169, 170, 199, 200])("go on after event %i", (afterSeq) => {
    for (const isQuick of [false, true]) {
      const { mirror, feed, given, grow } = setUp({ isQuick });
      mirror.rows = rows(1, 333);
      feed.start(afterSeq);
      grow(334);
      for (let i = 0; i < 4; i += 1) mirror.tell();
      expect(given).toEqual(numbers(afterSeq + 1, 334));
    }
  });

  it("come while the window is being opened, when they are here already", () => {
    const { mirror, feed, given } = setUp({ isQuick: true });
    mirror.rows = rows(1, 250);
    feed.start(130);
    expect(given).toEqual(numbers(131, 250));
  });

  it("are watched in the same windows by all, the next one early, never more than two", () => {
    const { mirror, feed, grow } = setUp();
    feed.start(30);
    const seen: Record<number, readonly number[]> = {};
    for (let to = 31; to <= 300; to += 1) {
      grow(to);
      expect(mirror.open.length).toBeLessThanOrEqual(2);
      seen[to] = mirror.open;
    }
    expect(seen[69]).toEqual([0]);
    expect(seen[70]).toEqual([0, 100]);
    expect(seen[99]).toEqual([0, 100]);
    expect(seen[100]).toEqual([100]);
    expect(seen[169]).toEqual([100]);
    expect(seen[170]).toEqual([100, 200]);
    expect(seen[200]).toEqual([200]);
    expect(mirror.opened).toEqual([0, 100, 200, 300]);
  });

  it("wait for the window whose turn it is, though the next one is here", () => {
    const given: number[] = [];
    const told = new Map<number, (rows: readonly EventRow[]) => void>();
    const feed = createEventFeed({
      watchWindow: (afterSeq, onRows) => {
        told.set(afterSeq, onRows);
        return () => void told.delete(afterSeq);
      },
      onEvents: (events) => given.push(...events.map(({ seq }) => seq)),
      onGap: () => expect.unreachable(),
    });
    feed.start(80);
    told.get(WINDOW)?.(rows(101, 120));
    expect(given).toEqual([]);
    told.get(0)?.(rows(1, 100));
    expect(given).toEqual(numbers(81, 120));
  });

  it("are not taken from a window that was let go", () => {
    const given: number[] = [];
    const told: ((rows: readonly EventRow[]) => void)[] = [];
    const feed = createEventFeed({
      watchWindow: (_afterSeq, onRows) => {
        told.push(onRows);
        return () => undefined;
      },
      onEvents: (events) => given.push(...events.map(({ seq }) => seq)),
      onGap: () => expect.unreachable(),
    });
    feed.start(0);
    feed.start(0);
    told[0]?.(rows(1, 9));
    expect(given).toEqual([]);
    told[1]?.(rows(1, 3));
    expect(given).toEqual([1, 2, 3]);
    feed.close();
    told[1]?.(rows(1, 9));
    expect(given).toEqual([1, 2, 3]);
  });
});

describe("events that the mirror let go of", () => {
  it("leave a gap when they are the next ones; all windows are ended, and nothing comes until it is told where to go on", () => {
    const { mirror, feed, given, gaps, grow } = setUp();
    feed.start(0);
    grow(50);
    grow(180, 81);
    expect(given).toEqual(numbers(1, 50));
    expect(gaps).toEqual([50]);
    expect(mirror.open).toEqual([]);
    grow(190, 81);
    expect(gaps).toEqual([50]);
    feed.start(190);
    grow(400, 181);
    mirror.tell();
    expect(given).toEqual([...numbers(1, 50), ...numbers(191, 400)]);
    expect(gaps).toEqual([50]);
  });

  it("are no gap when they came before: a window may then reach beyond its end", () => {
    const { mirror, feed, given, gaps, grow } = setUp();
    mirror.rows = rows(151, 260);
    feed.start(160);
    grow(260, 151);
    mirror.tell();
    expect(given).toEqual(numbers(161, 260));
    expect(mirror.open).toEqual([200]);
    expect(gaps).toEqual([]);
  });

  it("leave a gap within a window too, after what comes before it", () => {
    const { mirror, feed, given, gaps } = setUp();
    feed.start(0);
    mirror.rows = [...rows(1, 5), ...rows(7, 9)];
    mirror.tell();
    expect(given).toEqual([1, 2, 3, 4, 5]);
    expect(gaps).toEqual([5]);
  });

  it("tell of a gap that is there when it starts", () => {
    const { mirror, feed, gaps } = setUp({ isQuick: true });
    mirror.rows = rows(500, 600);
    feed.start(20);
    expect(gaps).toEqual([0]);
    expect(mirror.open).toEqual([]);
  });
});

describe("an event that the mirror has a stand-in for", () => {
  const withStandIns = (to: number, seqs: readonly number[]) =>
    rows(1, to).map((row) => (seqs.includes(row.seq) ? { ...row, type: STAND_IN_TYPE } : row));

  it.each([3, 70, 99, 100, 101])("leaves a gap after what comes before it: %i", (seq) => {
    const { mirror, feed, given, gaps } = setUp();
    mirror.rows = withStandIns(150, [seq]);
    feed.start(0);
    for (let i = 0; i < 4; i += 1) mirror.tell();
    expect(given).toEqual(numbers(1, seq - 1));
    expect(gaps).toEqual([seq - 1]);
    feed.start(seq);
    for (let i = 0; i < 4; i += 1) mirror.tell();
    expect(given).toEqual([...numbers(1, seq - 1), ...numbers(seq + 1, 150)]);
    expect(gaps).toHaveLength(1);
  });

  it("is nothing to who has it already", () => {
    const { mirror, feed, given, gaps } = setUp();
    mirror.rows = withStandIns(30, [3, 4]);
    feed.start(4);
    mirror.tell();
    expect(given).toEqual(numbers(5, 30));
    expect(gaps).toEqual([]);
  });
});

describe("a mirror at random", () => {
  it("gives every event once and in order, or says that it has them no more", () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = randomFrom(seed);
      const { mirror, feed, given, gaps, grow } = setUp({ isQuick: random(2) === 0 });
      const expected: number[] = [];
      let startSeq = random(150);
      let last = startSeq;
      let gapsSeen = 0;
      mirror.rows = rows(1, last);
      feed.start(startSeq);
      for (let step = 0; step < 80; step += 1) {
        // It may lag, so that it gives again what it gave before, and let go of what is old.
        last += random(4) === 0 ? -random(30) : random(60);
        last = Math.max(last, 1);
        const kept = random(12) === 0 ? 20 : 150;
        grow(last, Math.max(1, last - kept));
        if (gaps.length > gapsSeen) {
          gapsSeen = gaps.length;
          expected.push(...numbers(startSeq + 1, Math.max(startSeq, given.at(-1) ?? 0)));
          startSeq = Math.max(last, startSeq, given.at(-1) ?? 0);
          feed.start(startSeq);
        }
        expect(mirror.open.length, `seed ${seed}`).toBeLessThanOrEqual(2);
      }
      const end = given.at(-1) ?? 0;
      if (end > startSeq) expected.push(...numbers(startSeq + 1, end));
      expect(given, `seed ${seed}`).toEqual(expected);
    }
  });
});
