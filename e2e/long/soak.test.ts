import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { followEvents } from "../../src/client/index";
import { type Product, sessionIs, startProduct } from "../harness";
import { COUNTS, type Footprint, footprint } from "./footprint";
import { growthOf, LEAST_ROUNDS } from "./growth";

const MINUTES = Number(process.env.OPENAGENT_SOAK_MINUTES ?? 30);
/** Sessions that live at the same time. */
const AT_ONCE = 2;
/** A heap breathes: it may be by so much larger, of itself. */
const RSS_SLACK = 0.05;
/** The heap is collected every forty sessions or so (seen): until it was a few times, memory only climbs. */
const RSS_FROM_SESSIONS = 100;

/** R21: sessions come and go for a long time, on the real product and the real engine. */
describe("hours of use", () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct({ OPENAGENT_LOG_LEVEL: "warn" });
  });
  afterAll(async () => product?.close());

  /** What a session goes through: create, stop, resume, delete. */
  const life = async () => {
    const { client } = product;
    const { id } = await client.sessions.create.mutate({ permissionMode: "auto" });
    await sessionIs(client, id, "idle");
    await client.sessions.stop.mutate({ id });
    await client.sessions.resume.mutate({ id });
    await sessionIs(client, id, "idle");
    await client.sessions.remove.mutate({ id });
  };
  const grownIn = (rounds: readonly Footprint[]) =>
    COUNTS.flatMap((count) => {
      if (count === "rssMib" && rounds.length * AT_ONCE < RSS_FROM_SESSIONS) return [];
      const samples = rounds.map((round) => round[count]);
      const growth = growthOf(samples, count === "rssMib" ? RSS_SLACK : 0);
      return growth === null ? [] : [{ count, ...growth }];
    });

  it("leave nothing behind: no descriptor, no memory, no container, no volume, no rule", async () => {
    const rounds: Footprint[] = [];
    const until = performance.now() + MINUTES * 60_000;
    while (performance.now() < until || rounds.length < LEAST_ROUNDS) {
      await Promise.all(Array.from({ length: AT_ONCE }, life));
      rounds.push(await footprint(product));
    }
    console.log(`measured: ${rounds.length * AT_ONCE} sessions, at the end ${JSON.stringify(rounds.at(-1))}`);
    for (const count of COUNTS)
      console.log(`measured: ${count}: ${rounds.map((r) => Math.round(r[count])).join(" ")}`);
    expect(grownIn(rounds)).toEqual([]);
    expect(rounds.at(-1)).toMatchObject({ containers: 0, volumes: 0, runDirectories: 0 });
  });

  it("would show what is left behind: here a stream a round that nobody ends", async () => {
    const { client } = product;
    const { id } = await client.sessions.create.mutate({});
    await sessionIs(client, id, "idle");
    const left = new AbortController();
    const rounds: Footprint[] = [];
    const streams: AsyncGenerator[] = [];
    for (let round = 0; round < LEAST_ROUNDS; round += 1) {
      const stream = followEvents(client, { sessionId: id, signal: left.signal });
      streams.push(stream);
      // With its first event the stream is open.
      await stream.next();
      rounds.push(await footprint(product));
    }
    left.abort();
    await Promise.all(streams.map((stream) => stream.return(undefined)));
    expect(grownIn(rounds).map(({ count }) => count)).toContain("descriptors");
    await client.sessions.remove.mutate({ id });
  });
});

describe("growth", () => {
  const rounds = (of: (i: number) => number) => Array.from({ length: 40 }, (_, i) => of(i));

  it.each([
    ["a steady count", () => 7, 0, null],
    ["one that goes up and down", (i: number) => 20 + (i % 5), 0, null],
    ["one that fills in the warm-up", (i: number) => Math.min(i, 8), 0, null],
    ["one more in six rounds", (i: number) => 20 + Math.floor(i / 6), 0, { from: 22, to: 25 }],
    ["less than the slack", (i: number) => 200 + i / 8, 0.05, null],
    ["more than the slack", (i: number) => 200 + i, 0.05, { from: 217, to: 230 }],
  ])("of %s is told for what it is", (_what, of, slack, growth) => {
    expect(growthOf(rounds(of), slack)).toEqual(growth);
  });

  it("says nothing of few rounds", () => {
    expect(() => growthOf([1, 2, 3])).toThrow("10 are needed");
  });
});
