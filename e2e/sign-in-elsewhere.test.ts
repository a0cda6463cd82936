import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { axeFindings, launchBrowser } from "./browser";
import { OWNER, type Product, startProduct } from "./harness";
import { CLIENT, type IdentityProviderStandIn, startIdentityProvider } from "./identity-provider";
import { LONG } from "./session-page";

/** Sign-in by GitHub and by an OpenID provider, with one that the test runs in place of both. */
describe("a sign-in elsewhere", () => {
  let elsewhere: IdentityProviderStandIn;
  let product: Product;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    elsewhere = await startIdentityProvider();
    product = await startProduct({
      GITHUB_URL: elsewhere.url,
      GITHUB_ID: CLIENT.id,
      GITHUB_SECRET: CLIENT.secret,
      OIDC_ISSUER: elsewhere.url,
      OIDC_ID: CLIENT.id,
      OIDC_SECRET: CLIENT.secret,
      OIDC_NAME: "Example Login",
    });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await product?.close();
    await elsewhere?.close();
  });
  beforeEach(async () => {
    elsewhere.person = { id: 7, email: OWNER.email, verified: true };
    elsewhere.wrongAudience = false;
    elsewhere.held = null;
    context = await browser.newContext();
    page = await context.newPage();
  });
  afterEach(() => context.close());

  const enterBy = async (name: string, path = "/sign-in") => {
    await page.goto(`${product.url}${path}`);
    await page.getByRole("button", { name: `Continue with ${name}` }).click();
  };
  const isIn = () => page.getByRole("button", { name: `Account of ${OWNER.name}` }).waitFor(LONG);
  /** As when the session's time is over. No page is open at that moment: an open one would lead to the sign-in itself. */
  const forget = async () => {
    await page.goto("about:blank");
    await context.clearCookies({ name: /session-token/ });
  };
  const isRefused = async (sentence: RegExp) => {
    await page.getByText(sentence).waitFor(LONG);
    expect(new URL(page.url()).pathname).toBe("/sign-in");
    await page.goto(product.url);
    await page.waitForURL(/\/sign-in/);
  };

  it.each(["GitHub", "Example Login"])(
    "by %s lets in who has the address, where they wanted to go",
    async (name) => {
      await page.goto(`${product.url}/sign-in`);
      await expect.poll(() => axeFindings(page)).toEqual([]);
      await enterBy(name, "/sign-in?to=%2Fsettings%2Fkeys");
      await page.waitForURL(`${product.url}/settings/keys`);
      await isIn();
    },
  );

  it("lets in nobody whom this server does not know, or whose address is not proved", async () => {
    elsewhere.person = { id: 8, email: "mallory@example.test", verified: true };
    await enterBy("Example Login");
    await isRefused(/Nobody here has your e-mail address/);
    elsewhere.person = { id: 9, email: OWNER.email, verified: false };
    for (const name of ["Example Login", "GitHub"]) {
      await enterBy(name);
      await isRefused(/did not say that your e-mail address is proved/);
    }
    elsewhere.person = { id: 7, email: OWNER.email, verified: true };
    await enterBy("GitHub");
    await isIn();
    await forget();
    elsewhere.person = { id: 10, email: OWNER.email, verified: true };
    await enterBy("GitHub");
    await isRefused(/Another GitHub account signs in with your e-mail address/);
  });

  it("lets nobody in by a token that was made for another application", async () => {
    elsewhere.wrongAudience = true;
    await enterBy("Example Login");
    await isRefused(/Signing in elsewhere did not work/);
  });

  it("leads to the name that the provider knows", async () => {
    const { port } = new URL(product.url);
    await page.goto(`http://localhost:${port}/sign-in?to=%2Fsettings`);
    expect(page.url()).toBe(`${product.url}/sign-in?to=%2Fsettings`);
  });

  it("that failed is in the log, and no line there is a stranger's", async () => {
    const forged = encodeURIComponent("a\nforged line");
    for (const query of [`error=${forged}`, `error=access_denied&error_description=${forged}`]) {
      await page.goto(`${product.url}/api/auth/callback/github?${query}`);
      await isRefused(/Signing in elsewhere did not work/);
    }
    expect(product.log()).toContain("access_denied");
    expect(product.log()).not.toMatch(/^forged line/m);
  });

  it("takes an answer only from the provider that was asked, and only once", async () => {
    const answers: string[] = (elsewhere.held = []);
    await enterBy("GitHub");
    await page.getByText("held").waitFor(LONG);
    let answer = answers[0] ?? "";
    expect(answer).toContain("/api/auth/callback/github?");
    // The state cookie of the one at the other's callback.
    await page.goto(answer.replace("/callback/github", "/callback/oidc"));
    await isRefused(/Signing in elsewhere did not work/);
    await enterBy("Example Login");
    await page.getByText("held").waitFor(LONG);
    await page.goto((answers[1] ?? "").replace("/callback/oidc", "/callback/github"));
    await isRefused(/Signing in elsewhere did not work/);
    await enterBy("GitHub");
    await page.getByText("held").waitFor(LONG);
    answer = answers[2] ?? "";
    // In a browser that did not ask.
    const other = await browser.newContext();
    const otherPage = await other.newPage();
    await otherPage.goto(answer);
    expect(new URL(otherPage.url()).pathname).toBe("/sign-in");
    await other.close();
    await page.goto(answer);
    await isIn();
    await forget();
    await page.goto(answer);
    await isRefused(/Signing in elsewhere did not work/);
  });
});
