import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { percentile } from "../../bench/stats";
import { docker, type Product, sessionIs, startProduct, until } from "../harness";
import { footprint } from "./footprint";

/** At most 99. Each takes some 300 MiB of the machine's memory while its agent is awake. */
const SESSIONS = Number(process.env.OPENAGENT_TEST_SESSIONS ?? 50);
/** They are asked for within this. */
const WITHIN_MS = 10_000;
const ALL_READY_MS = 600_000;

/** R11: many sessions at once, on the real product and the real engine. */
describe("many sessions at once", () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct({
      OPENAGENT_LOG_LEVEL: "warn",
      OPENAGENT_MAX_SESSIONS: String(SESSIONS),
    });
  });
  afterAll(async () => product?.close());

  /** A page of the list. */
  const all = async () => (await product.client.sessions.list.query({ limit: 100 })).items;

  it("all start in the order in which they were asked for; one more waits, and nothing is left of them", async () => {
    const { client } = product;
    const asked = new Map<string, number>();
    const readyMs = new Map<string, number>();
    for (let n = 0; n < SESSIONS; n += 1) {
      const { id } = await client.sessions.create.mutate({ permissionMode: "auto", title: `Session ${n}` });
      asked.set(id, performance.now());
      await new Promise((resolve) => setTimeout(resolve, WITHIN_MS / SESSIONS / 2));
    }
    const beyond = await client.sessions.create.mutate({ title: "One more" });
    expect(beyond.queue?.position).toBeGreaterThan(0);

    const deadline = performance.now() + ALL_READY_MS;
    while (readyMs.size < SESSIONS && performance.now() < deadline) {
      const now = await all();
      expect(now.filter(({ status }) => status === "error")).toEqual([]);
      const places = now.flatMap(({ queue }) => (queue ? [queue.position] : [])).sort((a, b) => a - b);
      expect(places).toEqual(places.map((_, index) => index + 1));
      for (const { id, status } of now) {
        const at = asked.get(id);
        if (at !== undefined && status === "idle" && !readyMs.has(id))
          readyMs.set(id, performance.now() - at);
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const times = [...readyMs.values()];
    console.log(
      `measured: R11 ${times.length} sessions, asked for within ${WITHIN_MS / 1000} s, ready after p50 ${seconds(percentile(times, 0.5))}, p95 ${seconds(percentile(times, 0.95))}, the last ${seconds(Math.max(...times))}`,
    );
    expect(times).toHaveLength(SESSIONS);
    expect(await client.sessions.get.query({ id: beyond.id })).toMatchObject({
      status: "creating",
      queue: { position: 1, reason: { code: "session_limit" } },
    });
    const running = await docker("ps", "-q", "--filter", `name=${product.instance}`);
    expect(running.trim().split("\n")).toHaveLength(SESSIONS);

    const [first = ""] = asked.keys();
    await client.sessions.remove.mutate({ id: first });
    await sessionIs(client, beyond.id, "idle");
    for (const { id } of await all()) await client.sessions.remove.mutate({ id });
    await until(async () => (await all()).length === 0, "all to be deleted");
    expect(await footprint(product)).toMatchObject({ containers: 0, volumes: 0, runDirectories: 0 });
  });
});

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
