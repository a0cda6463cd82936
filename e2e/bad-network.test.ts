import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import type { SessionEvent } from "../sidecar/src/contract";
import { follow } from "../src/client/follow-events";
import { createClient } from "../src/client/index";
import { launchBrowser, signedInContext } from "./browser";
import { type FaultProxy, startFaultProxy } from "./fault-proxy";
import { type Product, readEvents, sessionIs, startProduct } from "./harness";
import { words } from "./live-pages";
import { conversation, drawn, freshness, LONG, noteFreshness, told } from "./session-page";

const BAD = { delayMs: 200, resetRate: 0.02 };
const BAD_FOR_MS = 12_000;

/** R20: what a page and a script see of a stream when the network between is slow, cut, and silent. */
describe("over a bad network", () => {
  let proxy: FaultProxy;
  let product: Product;
  let browser: Browser;
  beforeAll(async () => {
    proxy = await startFaultProxy();
    product = await startProduct({}, { front: proxy });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await product?.close();
    await proxy?.close();
  });

  it("a page says that it reconnects, and page and script have every event in the end, once and in order", async () => {
    const { client } = product;
    const { id } = await client.sessions.create.mutate({ permissionMode: "auto" });
    await sessionIs(client, id, "idle");
    const page = await (await signedInContext(browser, product.url)).newPage();
    await page.goto(`${product.url}/sessions/${id}`);
    await conversation(page).waitFor(LONG);
    await freshness(page, "live").waitFor(LONG);
    const said = await noteFreshness(page);
    const heard: SessionEvent[] = [];
    const end = new AbortController();
    let losses = 0;
    const following = (async () => {
      const { sessions } = createClient({ url: product.url, token: product.token });
      // Whoever has lost the stream asks for the session before they come back.
      const get = { query: (input: { id: string }) => ((losses += 1), sessions.get.query(input)) };
      const reader = { sessions: { get, events: sessions.events } };
      for await (const event of follow(reader, { sessionId: id, signal: end.signal })) heard.push(event);
    })();

    const text = `#script\ndelay 30\nsay ${words(0, 1_500)}`;
    const { promptId } = await client.prompts.send.mutate({ sessionId: id, text, key: "bad-network" });
    await expect.poll(() => heard.length, LONG).toBeGreaterThan(30);
    proxy.set(BAD);
    await page.waitForTimeout(BAD_FOR_MS);
    expect(proxy.resets()).toBeGreaterThan(0);
    proxy.clear();
    await freshness(page, "live").waitFor(LONG);
    const { lastSeq } = await client.sessions.get.query({ id });
    await expect.poll(() => heard.length, LONG).toBeGreaterThanOrEqual(lastSeq);
    const [before, lossesBefore] = [(await said()).length, losses];
    proxy.blackHole();
    const from = performance.now();
    await expect.poll(async () => (await said()).slice(before), LONG).toContain("reconnecting");
    console.log(`measured: R20 page notices silence: ${Math.round(performance.now() - from)} ms`);
    await expect.poll(() => losses, LONG).toBeGreaterThan(lossesBefore);
    console.log(`measured: R20 script notices silence: ${Math.round(performance.now() - from)} ms`);
    proxy.clear();
    await freshness(page, "live").waitFor(LONG);

    const isOver = (events: readonly SessionEvent[]) =>
      events.some((event) => event.type === "turn.ended" && event.data.promptId === promptId);
    await expect.poll(() => isOver(heard), { timeout: 120_000 }).toBe(true);
    const log = await readEvents(client, id);
    await expect.poll(() => heard.length, LONG).toBe(log.length);
    expect(heard).toEqual(log);
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at + 1));
    const whole = await told(client, id);
    await expect.poll(() => drawn(page), LONG).toEqual(whole);
    end.abort();
    await following;
    await client.sessions.remove.mutate({ id });
  });
});
