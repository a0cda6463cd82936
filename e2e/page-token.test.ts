import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { OWNER, post } from "./harness";
import { signIn } from "./sign-in-by-hand";
import { livePages, words } from "./live-pages";
import { composer, cutMirror, drawn, freshness, LONG, noteFreshness, told } from "./session-page";

const SIGNED_OUT = /You are signed out here/;
const DRAFT = "#script\nsay what was typed before";

/** Tokens that are good for 15 seconds, of which a page renews one after 5. */
describe("a page that stays open longer than its token is good", () => {
  const { product, client, browse, open, show, newSession, remove, send, turnsEnd, shot, spoken } = livePages(
    { shots: "token", env: { OPENAGENT_LIVE_TOKEN_SECONDS: "15" } },
  );

  const isToken = (url: string) => url.includes("/api/trpc/convex.token");
  const isShown = async (page: Page, id: string) =>
    expect.poll(() => drawn(page), LONG).toEqual(await told(client(), id));

  it("is live all the time, over several renewals", async () => {
    const id = await newSession();
    const { page } = await open(id);
    let renewals = 0;
    page.on("response", (response) => {
      if (isToken(response.url()) && response.ok()) renewals += 1;
    });
    await send(id, "delay 100", `say ${words(0, 200)}`);
    const said = await noteFreshness(page);
    await expect.poll(() => renewals, LONG).toBeGreaterThanOrEqual(4);
    await turnsEnd(id);
    expect(await said()).toEqual(["live"]);
    await isShown(page, id);
    await remove(id);
  });

  it("says that it reconnects when no token is to be had in time, and then has all in order", async () => {
    const id = await newSession();
    const { page, context } = await open(id);
    await context.route(
      (url) => isToken(url.href),
      (route) => route.abort("connectionreset"),
    );
    await send(id, "delay 100", `say ${words(0, 250)}`);
    await freshness(page, "reconnecting").waitFor(LONG);
    await shot(page, "expired");
    await turnsEnd(id);
    await context.unrouteAll();
    await freshness(page, "live").waitFor(LONG);
    await isShown(page, id);
    await send(id, "say live again");
    await expect.poll(() => spoken(page), LONG).toContain("live again");
    await turnsEnd(id);
    await isShown(page, id);
    await remove(id);
  });

  it("says so when its person signed out in another tab, leads back afterwards and keeps what was typed", async () => {
    const id = await newSession();
    const { page, context } = await open(id);
    await composer(page).fill(DRAFT);
    const other = await context.newPage();
    await other.goto(product().url);
    await other.getByRole("button", { name: /Account of/ }).click();
    await other.getByRole("menuitem", { name: "Sign out" }).click();
    await other.getByRole("heading", { name: "Sign in" }).waitFor(LONG);
    await page.getByText(SIGNED_OUT).waitFor(LONG);
    await shot(page, "signed-out");
    // Whoever signs out knows.
    expect(await other.getByText(SIGNED_OUT).count()).toBe(0);
    await signInAgain(page);
    await page.waitForURL(`${product().url}/sessions/${id}`, LONG);
    await freshness(page, "live").waitFor(LONG);
    await expect.poll(() => composer(page).inputValue(), LONG).toBe(DRAFT);
    await page.getByRole("button", { name: "Send" }).click();
    await expect.poll(() => spoken(page), LONG).toBe("what was typed before");
    await remove(id);
  });

  it("says so when its sign-in was revoked while Convex is away, too", async () => {
    const id = await newSession();
    const context = await browse();
    const page = await context.newPage();
    const cut = await cutMirror(page);
    await show(page, id);
    await cut(true);
    await freshness(page, "reconnecting").waitFor(LONG);
    const cookie = await signIn(product().url, OWNER);
    expect((await post(product().url, "account.signOutEverywhere", {}, { cookie })).ok).toBe(true);
    await page.getByText(SIGNED_OUT).waitFor(LONG);
    expect(new URL(page.url()).searchParams.get("to")).toBe(`/sessions/${id}`);
    await remove(id);
  });
});

async function signInAgain(page: Page): Promise<void> {
  await page.getByLabel(/e-?mail/i).fill(OWNER.email);
  await page.getByLabel(/password/i).fill(OWNER.password);
  await page.getByRole("button", { name: "Sign in" }).click();
}
