import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { axeFindings, PHONE, sideways, watchPage } from "./browser";
import { addPerson, containersOf, OWNER, post, runTurn } from "./harness";
import { signIn } from "./sign-in-by-hand";
import { livePages, words } from "./live-pages";

import { LONG } from "./session-page";

const TOKEN = "an-operators-token-for-the-metrics-0123456789";
const MEMBER = { name: "Mia Member", email: "mia@example.test", password: "a member's own words" };

describe("who runs the installation", () => {
  const { product, client, browse, newSession, remove, shot } = livePages({
    shots: "health",
    env: { OPENAGENT_METRICS_TOKEN: TOKEN },
  });

  const scrape = async (token: string) => {
    const answer = await fetch(`${product().url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    return { status: answer.status, text: await answer.text() };
  };
  /** @returns the value of one series, as it stands at the line's beginning */
  const valueOf = async (series: string) => {
    const { text } = await scrape(TOKEN);
    const line = text.split("\n").find((line) => line.startsWith(`${series} `));
    return Number(line?.slice(series.length));
  };
  const health = (page: Page) => page.goto(`${product().url}/settings/health`);

  it("sees in the metrics what a session did, and nothing of anybody's", async () => {
    const before = await valueOf("openagent_events_total");
    const id = await newSession("auto", "A title of somebody's");
    await runTurn(client(), { sessionId: id, text: `#script\nsay ${words(0, 20)}` });
    expect(await valueOf('openagent_sessions{state="idle"}')).toBe(1);
    expect(await valueOf("openagent_events_total")).toBeGreaterThan(before);
    expect(await valueOf("openagent_event_lag_seconds_count")).toBeGreaterThan(0);
    expect(await valueOf('openagent_session_start_seconds_count{outcome="ready"}')).toBe(1);
    expect(await valueOf('openagent_session_start_step_seconds_count{step="agent"}')).toBe(1);
    expect(await valueOf("openagent_session_streams_down")).toBe(0);
    expect(await valueOf("openagent_database_bytes")).toBeGreaterThan(0);
    await expect.poll(() => valueOf("openagent_mirror_marks_waiting")).toBe(0);
    const { text } = await scrape(TOKEN);
    for (const secret of [id, "somebody's", "@example.test", "Olivia", TOKEN])
      expect(text).not.toContain(secret);
    expect((await scrape(product().token)).status).toBe(401);
    await remove(id);
    await expect.poll(() => valueOf('openagent_sessions{state="idle"}')).toBe(0);
  });

  it("finds one prompt by its request's id in the server's log and in the sidecar's", async () => {
    const id = await newSession();
    const [container = ""] = await containersOf(product().instance);
    const requestId = "followed-from-the-browser";
    const cookie = await signIn(product().url, OWNER);
    const sent = await post(
      product().url,
      "prompts.send",
      { sessionId: id, key: "k1", text: "#script\nsay followed" },
      { cookie, "x-request-id": requestId },
    );
    expect([sent.status, sent.headers.get("x-request-id")]).toEqual([200, requestId]);
    const of = (text: string, name: "msg" | "message") =>
      text
        .split("\n")
        .filter((line) => line.includes(`"requestId":"${requestId}"`))
        .map((line) => (JSON.parse(line) as Record<string, unknown>)[name]);
    await expect
      .poll(() => of(product().log(), "msg"))
      .toEqual(expect.arrayContaining(["prompt in line", "prompt handed over", "request"]));
    await expect
      .poll(async () => of(await logsOf(container), "message"))
      .toEqual(expect.arrayContaining(["request", "opencode has the prompt", "turn ended"]));
    await remove(id);
  });

  it("sees the same at a glance on a page, wide and narrow, dark and light", async () => {
    const id = await newSession();
    for (const [name, options] of [
      ["dark", { colorScheme: "dark" }],
      ["light", { colorScheme: "light" }],
      ["phone-dark", { colorScheme: "dark", viewport: { ...PHONE, width: 380 } }],
      ["phone-light", { colorScheme: "light", viewport: { ...PHONE, width: 380 } }],
    ] as const) {
      const context = await browse(options);
      const page = await context.newPage();
      const watch = watchPage(page);
      await health(page);
      await page.getByRole("heading", { name: "Health", exact: true }).waitFor(LONG);
      await expect.poll(() => figure(page, "Idle"), LONG).toBe("1");
      expect(
        await page.getByRole("meter", { name: "Data directory" }).getAttribute("aria-valuetext"),
      ).toMatch(/free$/);
      expect(await page.getByRole("listitem").filter({ hasText: "Database" }).textContent()).toContain("ok");
      expect(await sideways(page)).toEqual([]);
      await shot(page, name);
      await page.getByText("Event-loop lag, p99").scrollIntoViewIfNeeded();
      await shot(page, `${name}-end`);
      expect(await axeFindings(page)).toEqual([]);
      expect(watch.errors).toEqual([]);
    }
    await remove(id);
  });

  it("has it kept fresh, is told when the server does not answer, and has it again afterwards", async () => {
    const context = await browse();
    const page = await context.newPage();
    await health(page);
    await expect.poll(() => figure(page, "Stopped"), LONG).toBe("0");
    const id = await newSession();
    await client().sessions.stop.mutate({ id });
    await expect.poll(() => figure(page, "Stopped"), LONG).toBe("1");
    await context.route(/system\.health/, (route) => route.abort("connectionreset"));
    const told = page.getByRole("alert").filter({ hasText: "The server does not answer" });
    await told.waitFor(LONG);
    expect(await figure(page, "Stopped")).toBe("1");
    await shot(page, "no-answer");
    expect(await axeFindings(page)).toEqual([]);
    await context.unrouteAll();
    await told.getByRole("button", { name: "Try again" }).click();
    await told.waitFor({ state: "detached", ...LONG });
    await remove(id);
  });

  it("is no member: who is gets neither the page nor its tab nor its numbers", async () => {
    await addPerson(product(), MEMBER);
    const context = await browse({ person: MEMBER });
    const page = await context.newPage();
    await page.goto(`${product().url}/settings`);
    const tabs = page.getByRole("navigation", { name: "Settings" });
    await tabs.getByRole("link", { name: "Profile" }).waitFor(LONG);
    expect(await tabs.getByRole("link", { name: "Health" }).count()).toBe(0);
    const answer = await health(page);
    expect(answer?.status()).toBe(404);
    await page.getByRole("heading", { name: "There is nothing here" }).waitFor(LONG);
    const numbers = await context.request.get(`${product().url}/api/trpc/system.health`);
    expect(numbers.status()).toBe(403);
  });
});

/** What a number of the page says, without what stands beside it in small. */
function figure(page: Page, label: string): Promise<string | null> {
  return page
    .locator("dl > div", { has: page.getByText(label, { exact: true }) })
    .locator("dd")
    .evaluate((element) => element.firstChild?.textContent ?? null)
    .catch(() => null);
}

/** What the sidecar wrote, which is on its standard error. */
async function logsOf(container: string): Promise<string> {
  return (await promisify(execFile)("docker", ["logs", container])).stderr;
}
