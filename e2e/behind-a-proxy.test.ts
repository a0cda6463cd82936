import { request } from "node:https";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DESKTOP, launchBrowser, watchPage } from "./browser";
import { OWNER, startUnclaimed, type UnclaimedProduct } from "./harness";
import { composer, freshness, LONG, permission } from "./session-page";
import { makeCertificate, startTlsProxy, type TlsProxy } from "./tls-proxy";

const certificate = makeCertificate();

/** docs/remote-access.md: one https origin, a proxy that ends TLS, the product on loopback. */
describe.skipIf(certificate === null)("behind a reverse proxy with TLS", () => {
  const tls = certificate ?? { key: "", cert: "" };
  let proxy: TlsProxy;
  let product: UnclaimedProduct;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let watch: ReturnType<typeof watchPage>;
  const sockets: string[] = [];

  beforeAll(async () => {
    proxy = await startTlsProxy(tls);
    product = await startUnclaimed({ OPENAGENT_URL: proxy.url });
    proxy.leadTo(product.url);
    browser = await launchBrowser();
    context = await browser.newContext({ viewport: DESKTOP, ignoreHTTPSErrors: true });
    page = await context.newPage();
    watch = watchPage(page);
    page.on("websocket", (socket) => socket.once("framereceived", () => sockets.push(socket.url())));
  });
  afterAll(async () => {
    await browser?.close();
    await product?.close();
    await proxy?.close();
  });

  const cookies = async () => (await context.cookies()).filter(({ name }) => name.includes("next-auth"));
  const cookieHeader = async () => (await cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const hasSocket = (path: string) =>
    expect
      .poll(() => sockets, LONG)
      .toContainEqual(expect.stringMatching(new RegExp(`^${proxy.url.replace("https", "wss")}${path}`)));
  /** What a script gets of a session's events, as far as it came. */
  async function streamOfEvents(id: string): Promise<{ text(): string; end(): void }> {
    const input = encodeURIComponent(JSON.stringify({ id, afterSeq: 0 }));
    let text = "";
    const asked = request(`${proxy.url}/api/trpc/sessions.events?input=${input}`, {
      ca: tls.cert,
      headers: { cookie: await cookieHeader(), accept: "text/event-stream" },
    });
    asked.on("response", (answer) => answer.on("data", (chunk: Buffer) => (text += chunk.toString())));
    asked.on("error", (error) => (text += String(error)));
    asked.end();
    return { text: () => text, end: () => asked.destroy() };
  }

  it("lets its people in by cookies that never leave TLS", async () => {
    await page.goto(proxy.url);
    await page.getByLabel("Claim code").fill(product.claimCode(), LONG);
    await page.getByLabel("Your name").fill(OWNER.name);
    await page.getByLabel("E-mail address").fill(OWNER.email);
    await page.getByLabel("Password", { exact: true }).fill(OWNER.password);
    await page.getByRole("button", { name: "Claim" }).click();
    await page.getByRole("main").getByText("No sessions yet").waitFor(LONG);
    expect(await cookies()).toContainEqual(
      expect.objectContaining({
        name: "__Secure-next-auth.session-token",
        secure: true,
        httpOnly: true,
        sameSite: "Lax",
      }),
    );
    expect((await cookies()).filter(({ secure }) => !secure)).toEqual([]);
  });

  it("shows a session live, and streams its events without delay", async () => {
    await page.getByRole("main").getByRole("button", { name: "New session" }).click();
    await page.getByRole("button", { name: "Start session" }).click(LONG);
    await expect.poll(() => page.url(), LONG).toContain(`${proxy.url}/sessions/`);
    await freshness(page, "live").waitFor(LONG);
    await hasSocket("/convex/");
    const events = await streamOfEvents(new URL(page.url()).pathname.split("/")[2] ?? "");
    await composer(page).fill("make a hello page");
    await page.getByRole("button", { name: "Send" }).click();
    // The agent waits for an answer, so nothing comes after the question to push it out of a buffer.
    await permission(page).waitFor(LONG);
    await expect.poll(events.text, LONG).toContain('"request.opened"');
    events.end();
    await permission(page).getByRole("button", { name: "Reject" }).click();
  });

  it("opens a terminal that takes what is typed", async () => {
    await page.keyboard.press("Control+Backquote");
    const panel = page.getByRole("region", { name: "Terminal", exact: true });
    const rows = () => panel.locator(".xterm-rows").first().innerText();
    await expect.poll(rows, LONG).toMatch(/\$/);
    await panel.locator("textarea").first().focus();
    await page.keyboard.type("echo typed-$((40+2))\n");
    await expect.poll(rows, LONG).toContain("typed-42");
    await hasSocket("/socket.io/");
  });

  it("refuses what another site's page sends along, and the address behind it", async () => {
    const url = `${proxy.url}/api/trpc/account.signOutEverywhere`;
    const foreign = await context.request.post(url, { data: {}, headers: { origin: product.url } });
    expect([foreign.status(), await foreign.text()]).toEqual([403, expect.stringContaining("not_allowed")]);
    expect((await fetch(product.url)).status).toBe(403);
  });

  it("signs out, asked no other origin and saw no error", async () => {
    const cookie = await cookieHeader();
    await page.getByRole("button", { name: /Account of/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in" }).waitFor(LONG);
    const me = await context.request.get(`${proxy.url}/api/trpc/account.me`, { headers: { cookie } });
    expect(me.status()).toBe(401);
    expect([...watch.origins]).toEqual([proxy.url]);
    expect(watch.errors).toEqual([]);
  });
});
