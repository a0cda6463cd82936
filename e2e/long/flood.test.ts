import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Product, startProduct } from "../harness";
import { METRICS_TOKEN } from "../server-metrics";
import { floodFaults, type FloodReport, runFlood } from "../stub/flood";
import { buildStubImage, type StubImage } from "../stub/stub-image";
import { startStubSessions } from "../stub/stub-sessions";

const SESSIONS = Number(process.env.OPENAGENT_FLOOD_SESSIONS ?? 100);
const FLOOD = { perSecond: 10, seconds: Number(process.env.OPENAGENT_FLOOD_SECONDS ?? 300) };

/** Sessions that somebody looks at meanwhile. */
const WATCHED = Math.min(SESSIONS, 10);

/** R12: a hundred sessions speak for five minutes, a thousand events a second, and some are watched. */
describe("a flood of events", () => {
  let image: StubImage;
  let product: Product;
  let ids: string[];
  let report: FloodReport;
  beforeAll(async () => {
    image = await buildStubImage(process.env.OPENAGENT_SESSION_IMAGE ?? "");
    product = await startProduct({
      OPENAGENT_SESSION_IMAGE: image.ref,
      OPENAGENT_METRICS_TOKEN: METRICS_TOKEN,
      OPENAGENT_LOG_LEVEL: "warn",
    });
    ids = await startStubSessions(product.client, SESSIONS);
    report = await runFlood(product, { ...FLOOD, ids, watched: ids.slice(0, WATCHED) });
  });
  afterAll(async () => {
    await product?.close();
    await image?.remove();
  });

  it("is in the logs, each event once and in order", async () => {
    const faults: string[] = [];
    for (const id of ids) faults.push(...(await floodFaults(product.client, id, FLOOD)));
    expect(faults).toEqual([]);
  });

  it("would be missed where one second of it were lost", async () => {
    const [id = ""] = ids;
    const count = FLOOD.perSecond * FLOOD.seconds;
    const longer = { ...FLOOD, seconds: FLOOD.seconds + 1 };
    expect(await floodFaults(product.client, id, longer)).toEqual([
      `the log of ${id}: ${count} deltas of ${count + FLOOD.perSecond}`,
    ]);
  });

  it("reaches all who watch, each event once and in order", () => {
    expect(report.faults).toEqual([]);
    expect(report.latenciesMs).toHaveLength(WATCHED * FLOOD.perSecond * FLOOD.seconds);
  });

  it("is with who watches within 250 ms, and the server stays quick and small", () => {
    const { before, meanwhile } = report;
    const measured = {
      latencyP99Ms: p99(report.latenciesMs),
      lagP99Ms: p99(meanwhile.lagP99Ms),
      grewMib: Math.max(...meanwhile.rssMib) - Math.max(...before.rssMib),
    };
    console.log(`measured: ${JSON.stringify(measured)}`);
    expect(measured.latencyP99Ms).toBeLessThanOrEqual(250);
    expect(measured.lagP99Ms).toBeLessThanOrEqual(50);
    expect(measured.grewMib).toBeLessThanOrEqual(100);
  });
});

function p99(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? NaN;
}
