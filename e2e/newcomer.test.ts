import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pacedPrompt, SCRIPTED_MODEL, type ScriptedModel, startScriptedModel } from "../bench/scripted-model";
import { createClient } from "../src/client/index";
import { axeFindings, DESKTOP, launchBrowser, PHONE, sideways, watchPage } from "./browser";
import { containersOf, OWNER, ROOT, startUnclaimed, type UnclaimedProduct, volumesOf } from "./harness";
import { composer, conversation, LONG } from "./session-page";

/** Looked at by people; made anew by each run and not kept. */
const SHOTS = join(ROOT, ".cache", "screenshots");

describe.each([
  { size: "desktop", viewport: DESKTOP, hasTouch: false },
  { size: "phone", viewport: PHONE, hasTouch: true },
])("a newcomer in the browser, $size", ({ size, viewport, hasTouch }) => {
  let product: UnclaimedProduct;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let watch: ReturnType<typeof watchPage>;
  let model: ScriptedModel;

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    model = await startScriptedModel();
    product = await startUnclaimed({ OPENAGENT_ALLOW_PRIVATE: `127.0.0.1:${model.port}` });
    browser = await launchBrowser();
    context = await browser.newContext({ viewport, hasTouch, isMobile: hasTouch, colorScheme: "dark" });
    page = await context.newPage();
    watch = watchPage(page);
  });
  afterAll(async () => {
    await browser?.close();
    await product?.close();
    await model?.close();
  });

  /** Looked at in both themes, and by axe in both. */
  async function look(name: string): Promise<void> {
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(SHOTS, `${name}-${size}-${colorScheme}.png`) });
      expect(await axeFindings(page), `${name}, ${colorScheme}`).toEqual([]);
    }
    expect(await sideways(page), name).toEqual([]);
  }
  const shown = (text: string | RegExp) => page.getByText(text).filter({ visible: true }).first();

  it("claims the installation", async () => {
    await page.goto(product.url);
    await expect.poll(() => page.url(), LONG).toContain("/claim");
    await look("claim");
    await page.getByLabel("Claim code").fill(product.claimCode());
    await page.getByLabel("Your name").fill(OWNER.name);
    await page.getByLabel("E-mail address").fill(OWNER.email);
    await page.getByLabel("Password", { exact: true }).fill(OWNER.password);
    await page.getByRole("button", { name: "Claim" }).click();
    await page.getByRole("main").getByText("No sessions yet").waitFor(LONG);
    await look("sessions-empty");
  });

  it("starts a session with the demo model, which is chosen while there is no key", async () => {
    await page.getByRole("main").getByRole("button", { name: "New session" }).click();
    const dialog = page.getByRole("dialog", { name: "New session" });
    await dialog.getByText(/needs no key/).waitFor();
    await expect.poll(() => dialog.getByRole("combobox", { name: "Model" }).textContent()).toMatch(/demo/i);
    expect(await dialog.getByRole("link", { name: "add a key" }).getAttribute("href")).toBe("/settings/keys");
    await look("new-session");
    await dialog.getByRole("button", { name: "Start session" }).click();
    await expect.poll(() => page.url(), LONG).toContain("/sessions/");
    await composer(page).waitFor(LONG);
    await look("session-creating");
    await page.getByRole("status").filter({ hasText: /idle/ }).first().waitFor(LONG);
    await page.getByRole("button", { name: "Make a hello page" }).click();
    await expect.poll(() => composer(page).inputValue()).toBe("Make a hello page");
  });

  it("asks for a page, allows what is asked, and has it", async () => {
    await composer(page).fill("make a hello page");
    await page.getByRole("button", { name: "Send" }).click();
    const request = page.getByRole("region", { name: "Permission required" });
    await request.waitFor(LONG);
    await expect.poll(() => page.title()).toContain("needs you");
    await look("session-asks");
    for (let asked = 0; asked < 5; asked += 1) {
      await request.getByRole("button", { name: /Allow once/ }).click();
      const next = await Promise.race([
        request
          .getByRole("button", { name: /Allow once/, disabled: false })
          .waitFor(LONG)
          .then(() => "asks"),
        page
          .getByRole("status")
          .filter({ hasText: /idle/ })
          .first()
          .waitFor(LONG)
          .then(() => "done"),
      ]).catch(() => "neither");
      if (next !== "asks") break;
    }
    await page.getByRole("status").filter({ hasText: /idle/ }).first().waitFor(LONG);
    await shown(/hello\.html/).waitFor();
    await page.getByRole("heading", { level: 1, name: "make a hello page" }).waitFor(LONG);
    await look("session-done");
  });

  it("opens a terminal and reads the file there; a reload shows all of it again", async () => {
    if (hasTouch) await page.getByRole("button", { name: "Terminal", exact: true }).click();
    else await page.keyboard.press("Control+Backquote");
    const panel = page.getByRole("region", { name: "Terminal", exact: true });
    await panel.waitFor(LONG);
    const rows = () => panel.locator(".xterm-rows").first().innerText();
    await expect.poll(rows, LONG).toMatch(/\$/);
    await panel.locator("textarea").first().focus();
    await page.keyboard.type("cat hello.html\n");
    await expect.poll(rows, LONG).toMatch(/<h1>/);
    await look("terminal");
    await page.reload();
    await expect.poll(rows, LONG).toMatch(/<h1>/);
    if (hasTouch) await page.getByRole("button", { name: "Chat", exact: true }).click();
    await conversation(page).getByText("make a hello page", { exact: true }).waitFor(LONG);
    await shown(/hello\.html/).waitFor();
    await shown(`${OWNER.name} allowed once`).waitFor();
  });

  it("stops, resumes and renames the session", async () => {
    const menu = () =>
      page
        .getByRole("main")
        .getByRole("button", { name: /^More about/ })
        .first();
    const choose = async (name: string) => {
      await menu().click();
      await page.getByRole("menuitem", { name, exact: true }).click();
    };
    await choose("Stop");
    await shown("This session is stopped.").waitFor(LONG);
    expect(await containersOf(product.instance)).toEqual([]);
    await look("session-stopped");
    await page.getByRole("main").getByRole("button", { name: "Resume", exact: true }).last().click();
    await page
      .getByRole("status")
      .filter({ hasText: /idle|asleep/ })
      .first()
      .waitFor(LONG);
    await choose("Rename");
    await page.getByRole("dialog").getByLabel("Title").fill("My first page");
    await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
    await page.getByRole("heading", { name: "My first page" }).waitFor(LONG);
    await page.goto(product.url);
    await page
      .getByRole("link", { name: /My first page/ })
      .last()
      .waitFor(LONG);
    await look("sessions");
    await page
      .getByRole("main")
      .getByRole("link", { name: /My first page/ })
      .click();
    await page.getByRole("heading", { name: "My first page" }).waitFor(LONG);
  });

  it("goes on with a stopped session by writing to it", async () => {
    await page
      .getByRole("main")
      .getByRole("button", { name: /^More about/ })
      .click();
    await page.getByRole("menuitem", { name: "Stop", exact: true }).click();
    await shown("This session is stopped.").waitFor(LONG);
    await composer(page).fill("! echo answer $((6 * 7))");
    await page.getByRole("button", { name: "Send" }).click();
    await shown("answer 42").waitFor(LONG);
  });

  it("deletes it, with its container and its volumes", async () => {
    await page
      .getByRole("main")
      .getByRole("button", { name: /^More about/ })
      .click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete session" }).click();
    await page.getByRole("main").getByText("No sessions yet").waitFor(LONG);
    expect(await containersOf(product.instance)).toEqual([]);
    expect(await volumesOf(product.instance)).toEqual([]);
  });

  it("adds an endpoint, tests it, and works with its model", async () => {
    await page.goto(`${product.url}/settings`);
    await page.getByRole("heading", { name: "Password" }).waitFor(LONG);
    await look("profile");
    await page.getByRole("link", { name: "Keys", exact: true }).click();
    await page.getByRole("button", { name: "Add endpoint" }).click(LONG);
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("Closet");
    await dialog.getByLabel("Base URL").fill(model.baseUrl);
    await dialog.getByLabel("Models").fill(SCRIPTED_MODEL);
    await dialog.getByLabel("Key", { exact: true }).fill("none");
    await look("endpoint");
    await dialog.getByRole("button", { name: "Store endpoint" }).click();
    await page.getByRole("button", { name: "Test Closet" }).click(LONG);
    await shown(/It works/).waitFor(LONG);
    await look("keys");
    await page.goto(product.url);
    await page.getByRole("main").getByRole("button", { name: "New session" }).click(LONG);
    const asked = page.getByRole("dialog", { name: "New session" });
    await expect
      .poll(() => asked.getByRole("combobox", { name: "Model" }).textContent(), LONG)
      .toContain(SCRIPTED_MODEL);
    await asked.getByLabel("What should it do?").fill(pacedPrompt({ perSecond: 50, count: 20 }));
    await asked.getByRole("button", { name: "Start session" }).click();
    await page.getByRole("main").getByText(SCRIPTED_MODEL).first().waitFor(LONG);
    await page.getByRole("status").filter({ hasText: /idle/ }).first().waitFor(LONG);
    await page
      .getByText(/<\d+\.\d{3}>/)
      .first()
      .waitFor(LONG);
  });

  it("makes a token whose snippet works, and signs out", async () => {
    await page.goto(`${product.url}/settings/tokens`);
    await page.getByRole("button", { name: "New token" }).first().click(LONG);
    await page.getByLabel("What is it for?").fill("laptop");
    await page.getByRole("button", { name: "Create token" }).click();
    await shown("Copy it now").waitFor(LONG);
    const token = /Bearer ([^"\s]+)/.exec(await page.getByRole("main").innerText())?.[1] ?? "none";
    await look("token");
    const client = createClient({ url: product.url, token });
    expect((await client.account.me.query()).email).toBe(OWNER.email);
    await page.getByRole("button", { name: /Account of/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in" }).waitFor(LONG);
    await look("sign-in");
  });

  it("is told kindly of an address that leads nowhere", async () => {
    await page.goto(`${product.url}/nowhere`);
    await shown("There is nothing here").waitFor(LONG);
    await look("not-found");
  });

  it("saw no error in the browser's console, and no page asked another origin", () => {
    expect(watch.errors).toEqual([]);
    expect([...watch.origins]).toEqual([product.url]);
  });
});
