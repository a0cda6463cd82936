import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "../src/client/index";
import { launchBrowser, sideways } from "./browser";
import { OWNER, post, startUnclaimed, type UnclaimedProduct } from "./harness";
import { attemptSignIn } from "./sign-in-by-hand";

/** Far above what a page takes on a slow machine, and below a test's own limit. */
const PAGE_LIMIT_MS = 90_000;

describe("the first visitor, in a browser", () => {
  let product: UnclaimedProduct;
  let browser: Browser;
  beforeAll(async () => {
    product = await startUnclaimed();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await product?.close();
  });

  const newPage = async (viewport = { width: 1280, height: 800 }): Promise<Page> => {
    const context = await browser.newContext({ viewport });
    context.setDefaultTimeout(PAGE_LIMIT_MS);
    return context.newPage();
  };

  const fillClaim = async (page: Page, over: Partial<typeof OWNER & { code: string }> = {}) => {
    const values = { ...OWNER, code: "WRNG-CODE", ...over };
    await page.getByLabel(/code/i).fill(values.code);
    await page.getByLabel(/name/i).fill(values.name);
    await page.getByLabel(/e-?mail/i).fill(values.email);
    await page.getByLabel(/password/i).fill(values.password);
    await page.getByRole("button", { name: /claim/i }).click();
  };

  it("is led to the claim, told what is wrong with it, and let in with the right code, on a phone too", async () => {
    const code = product.claimCode();
    const page = await newPage({ width: 390, height: 844 });
    await page.goto(product.url);
    await page.waitForURL(/\/claim/);
    await fillClaim(page);
    await page.getByRole("alert").filter({ hasText: /code/i }).waitFor();
    await fillClaim(page, { code, password: OWNER.email });
    await page
      .getByRole("alert")
      .filter({ hasText: /password|characters/i })
      .waitFor();
    await fillClaim(page, { code });
    await page.waitForURL(`${product.url}/`);
    await page.getByRole("button", { name: `Account of ${OWNER.name}` }).waitFor();
    expect(await sideways(page)).toEqual([]);
    const again = await post(product.url, "system.claim", { code, ...OWNER });
    expect([again.status, await again.text()]).toEqual([409, expect.stringContaining("already_claimed")]);
  });

  it("signs in, makes a token that works, signs out, and then is nobody", async () => {
    const page = await newPage();
    await page.goto(`${product.url}/`);
    await page.waitForURL(/\/sign-in/);
    await page.getByLabel(/e-?mail/i).fill(OWNER.email);
    await page.getByLabel(/password/i).fill("not the password");
    await page.getByRole("button", { name: /sign in/i }).click();
    await page
      .getByRole("alert")
      .filter({ hasText: /password/i })
      .waitFor();
    await page.getByLabel(/password/i).fill(OWNER.password);
    await page.getByRole("button", { name: /sign in/i }).click();
    await page.waitForURL(`${product.url}/`);

    const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
    await page.goto(`${product.url}/settings/tokens`);
    await page.getByRole("button", { name: "New token" }).click();
    await page.getByLabel(/what is it for/i).fill("laptop");
    await page.getByRole("button", { name: /create token/i }).click();
    const token = await page.getByText(/^oa_/).first().textContent();
    const client = createClient({ url: product.url, token: token?.trim() ?? "" });
    expect(await client.account.me.query()).toMatchObject({ email: OWNER.email, role: "owner" });

    await page.getByRole("button", { name: /Account of/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.waitForURL(/\/sign-in/);
    const afterwards = await fetch(`${product.url}/api/trpc/account.me`, { headers: { cookie } });
    expect(afterwards.status).toBe(401);
    expect(await client.account.me.query()).toMatchObject({ email: OWNER.email });
  });

  it("gets the same answer for an unknown person as for a wrong password", async () => {
    const attempt = async (email: string) => {
      const { cookie, ...answer } = await attemptSignIn(product.url, {
        email,
        password: "some wrong password",
      });
      const me = await fetch(`${product.url}/api/trpc/account.me`, { headers: { cookie } });
      return { ...answer, me: me.status };
    };
    const known = await attempt(OWNER.email);
    expect(known).toMatchObject({ status: 401, me: 401 });
    expect(await attempt("nobody@example.test")).toEqual(known);
    const right = await attemptSignIn(product.url, OWNER);
    expect(right.status).toBe(200);
    expect(right.body).not.toBe(known.body);
  });

  it("is refused when a sign-in is larger than any form of ours, with a length and without", async () => {
    const tooLarge = new Uint8Array(64 * 1024 + 1).fill(97);
    const inChunks = new ReadableStream({
      start(controller) {
        controller.enqueue(tooLarge);
        controller.close();
      },
    });
    for (const body of [tooLarge, inChunks]) {
      const answer = await fetch(`${product.url}/api/auth/callback/credentials`, {
        method: "POST",
        headers: { origin: product.url, "content-type": "application/x-www-form-urlencoded" },
        body,
        ...(body === inChunks && { duplex: "half" }),
      });
      expect(answer.status).toBe(413);
      expect(await answer.text()).toContain("Send at most 64 KiB at once.");
    }
  });
});
