import { readFileSync } from "node:fs";
import type { Browser, BrowserContext, CDPSession, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, sideways, signedInContext } from "./browser";
import { sessionIs, startProduct, type Product } from "./harness";

const MIB = 1024 * 1024;
/** What `yes` is let write before it is ended. */
const FLOOD_BYTES = 16 * MIB;
/** Far below the flood, far above what a page and a server move by anyway. */
const MAX_GROWTH_BYTES = 96 * MIB;

/** A session's terminals as people use them: Chromium on the built product, bash in a real container. */
describe("the terminal in the page", () => {
  let product: Product;
  let browser: Browser;
  let sessionId: string;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    product = await startProduct();
    browser = await launchBrowser(["--js-flags=--expose-gc"]);
    sessionId = (await product.client.sessions.create.mutate({ title: "Terminals" })).id;
    await sessionIs(product.client, sessionId, "idle");
  });
  afterAll(async () => {
    await browser?.close();
    await product?.close();
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    const { items } = await product.client.terminals.list.query({ sessionId });
    for (const { id } of items) await product.client.terminals.close.mutate({ terminalId: id });
  });

  async function signedIn(opts: Parameters<Browser["newContext"]>[0] = {}): Promise<BrowserContext> {
    const context = await signedInContext(browser, product.url, opts);
    contexts.push(context);
    return context;
  }
  /** The session's page with its terminal open and a prompt in it. */
  async function openTerminal(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${product.url}/sessions/${sessionId}`);
    await page.getByRole("heading").first().waitFor();
    // The page takes keys once its script runs.
    await expect
      .poll(async () => {
        if ((await panelOf(page).count()) === 0) await page.keyboard.press("Control+Backquote");
        return panelOf(page).count();
      })
      .toBe(1);
    await prompted(page);
    return page;
  }
  const panelOf = (page: Page) => page.getByRole("region", { name: "Terminal", exact: true });
  const shown = (page: Page) => panelOf(page).getByRole("tabpanel");
  const tabs = (page: Page) => panelOf(page).getByRole("tab");
  const lines = (page: Page) =>
    shown(page)
      .locator(".xterm-rows > div")
      .allTextContents()
      .then((rows) => rows.map((row) => row.replaceAll("\u00a0", " ").trimEnd()));
  const screen = async (page: Page) => (await lines(page)).join("\n");
  const prompted = (page: Page) => expect.poll(() => screen(page)).toMatch(/\$ ?$/m);
  async function run(page: Page, command: string, output: string | RegExp): Promise<void> {
    await shown(page).locator("textarea").focus();
    await page.keyboard.type(command);
    await page.keyboard.press("Enter");
    await expect.poll(() => screen(page)).toMatch(output);
  }

  it("has the focus when it opens, and shows a file of the workspace", async () => {
    const page = await openTerminal(await signedIn());
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
    await page.keyboard.type("echo 'hello from'_a_file > note.txt; cat note.txt\n");
    await expect.poll(() => lines(page)).toContain("hello from_a_file");
  });

  it("shows after a stop and a resume what it showed before, says so, and takes commands", async () => {
    const page = await openTerminal(await signedIn());
    await run(page, "echo before-$((40+2))", /^before-42$/m);
    await product.client.sessions.stop.mutate({ id: sessionId });
    await product.client.sessions.resume.mutate({ id: sessionId });
    await sessionIs(product.client, sessionId, "idle");
    await expect.poll(() => screen(page)).toMatch(/before-42[^]*stopped and resumed[^]*\$ ?$/m);
    expect(await tabs(page).count()).toBe(1);
    await run(page, "echo after-$((40+2))", /^after-42$/m);
    expect((await screen(page)).match(/^before-42$/gm)).toHaveLength(1);
  });

  it("has several tabs, and a reload keeps them, what they showed, and what runs in them", async () => {
    const page = await openTerminal(await signedIn());
    await run(page, "sleep 4321 & echo first-$((40+2))", /^first-42$/m);
    await panelOf(page).getByRole("button", { name: "New terminal" }).click();
    await expect.poll(() => tabs(page).count()).toBe(2);
    await prompted(page);
    await run(page, "echo second-$((40+3))", /^second-43$/m);
    expect(await screen(page)).not.toContain("first-42");
    await page.reload();
    await expect.poll(() => screen(page)).toMatch(/^second-43$/m);
    await tabs(page).first().click();
    await expect.poll(() => screen(page)).toMatch(/^first-42$/m);
    await run(page, "jobs", /Running +sleep 4321/);

    await panelOf(page).getByRole("button", { name: "Close terminal" }).click();
    await panelOf(page).getByRole("button", { name: "Cancel" }).click();
    expect(await tabs(page).count()).toBe(2);
    await panelOf(page).getByRole("button", { name: "Close terminal" }).click();
    await panelOf(page).getByRole("button", { name: "Close it" }).click();
    await expect.poll(() => tabs(page).count()).toBe(1);
    await expect.poll(() => screen(page)).toMatch(/^second-43$/m);
  });

  it("tells how a shell ended, and starts it again", async () => {
    const page = await openTerminal(await signedIn());
    await run(page, "echo gone-$((1+1)); exit 3", /^gone-2$/m);
    await panelOf(page).getByText("The shell ended with exit code 3.").waitFor();
    await panelOf(page).getByRole("button", { name: "Restart" }).click();
    await prompted(page);
    expect(await screen(page)).not.toContain("gone-2");
    await expect.poll(() => tabs(page).count()).toBe(1);
  });

  it("gives the program the size that it has on the page", async () => {
    const page = await openTerminal(await signedIn());
    /** As the program has it, once it is that of the screen. */
    const size = async () => {
      let found = "";
      await expect
        .poll(async () => {
          await run(page, "clear; stty size", /^\d+ \d+$/m);
          found = /^\d+ \d+$/m.exec(await screen(page))?.[0] ?? "";
          return Number(found.split(" ")[0]) - (await lines(page)).length;
        })
        .toBe(0);
      return found;
    };
    const before = await size();
    await page.setViewportSize({ width: 760, height: 560 });
    await expect.poll(size).not.toBe(before);
    const [rows, cols] = (await size()).split(" ").map(Number);
    expect([rows, cols]).not.toEqual([24, 80]);
  });

  it("shows two viewers the same, in one size, whoever types", async () => {
    const one = await openTerminal(await signedIn());
    const two = await openTerminal(await signedIn({ viewport: { width: 800, height: 600 } }));
    await run(one, "echo from-$((10+1))", /^from-11$/m);
    await expect.poll(() => screen(two)).toMatch(/^from-11$/m);
    await run(two, "echo from-$((20+2))", /^from-22$/m);
    await expect.poll(() => screen(one)).toMatch(/^from-22$/m);
    await expect.poll(async () => (await lines(one)).length).toBe((await lines(two)).length);
  });

  it("holds a flood back instead of keeping it, and Ctrl-C ends it", async () => {
    const context = await signedIn();
    const page = await openTerminal(context);
    const devtools = await context.newCDPSession(page);
    const received = await countReceived(devtools);
    // A reload, so that the count sees the socket from its start.
    await page.reload();
    await prompted(page);
    const before = { page: await heapBytes(page), server: serverBytes(product) };
    await shown(page).locator("textarea").focus();
    await page.keyboard.type("yes\n");
    await expect.poll(() => received(), { timeout: 120_000 }).toBeGreaterThan(FLOOD_BYTES);
    expect(serverBytes(product) - before.server).toBeLessThan(MAX_GROWTH_BYTES);
    await page.keyboard.press("Control+c");
    await run(page, "", /\$ ?$/m);
    await run(page, "clear; echo after-$((40+2))", /^after-42$/m);
    expect((await heapBytes(page)) - before.page).toBeLessThan(MAX_GROWTH_BYTES);
  });

  it("lets a program neither write the clipboard nor ask for anything", async () => {
    const context = await signedIn();
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: product.url });
    const page = await openTerminal(context);
    await page.evaluate(() => navigator.clipboard.writeText("mine"));
    await run(page, String.raw`printf '\e]52;c;aGFja2Vk\a'; echo said-$((1+1))`, /^said-2$/m);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("mine");
    const ask = String.raw`printf '\e[6n\e[c\e[>c\e]11;?\a\eP$qm\e\\'; IFS= read -rsn1 -t 2 && echo heard-$((1+1)) || echo silence-$((1+1))`;
    await run(page, ask, /^(heard|silence)-2$/m);
    expect(await screen(page)).toMatch(/^silence-2$/m);
  });

  it("opens links to the web alone, and asks first where the text hides where it leads", async () => {
    const context = await signedIn();
    const page = await openTerminal(context);
    let dialogs = 0;
    page.on("dialog", (dialog) => {
      dialogs += 1;
      void dialog.dismiss();
    });
    const target = `${product.url}/healthz`;
    const hidden = (uri: string, text: string) => String.raw`\e]8;;${uri}\e\\${text}\e]8;;\e\\\n`;
    await run(
      page,
      `clear; printf '${hidden("javascript:document.title=1", "SCRIPT")}${hidden(target, "HIDDEN")}'; echo ${target}?plain`,
      /^HIDDEN$/m,
    );
    const click = async (text: string) => {
      const point = async () => {
        const row = (await lines(page)).findIndex((line) => line.startsWith(text));
        const box = await shown(page).locator(".xterm-rows > div").nth(row).boundingBox();
        if (!box) throw new Error(`"${text}" is not on the screen`);
        // xterm looks for a link where the pointer comes to rest, and opens what it found there.
        await page.mouse.move(box.x + 60, box.y + box.height / 2 + 2);
        await page.mouse.move(box.x + 20, box.y + box.height / 2);
        return { x: box.x + 20, y: box.y + box.height / 2 };
      };
      let at = await point();
      // A line that is drawn again meanwhile lets go of its link until the pointer moves.
      if (text !== "SCRIPT") {
        await expect
          .poll(async () => {
            at = await point();
            return panelOf(page).locator("p", { hasText: target }).count();
          })
          .toBeGreaterThan(0);
      }
      await page.mouse.click(at.x, at.y);
    };
    await click("SCRIPT");
    const question = panelOf(page).getByText("This text leads to");
    /** A line that is drawn again under the pointer takes no click. */
    const askedAbout = (text: string) =>
      expect
        .poll(async () => {
          await click(text);
          return question.waitFor({ timeout: 2_000 }).then(
            () => true,
            () => false,
          );
        })
        .toBe(true);
    await askedAbout("HIDDEN");
    expect(await question.textContent()).toContain(target);
    await panelOf(page).getByRole("button", { name: "Cancel" }).click();
    expect(context.pages()).toHaveLength(1);

    await askedAbout("HIDDEN");
    const [asked] = await Promise.all([
      context.waitForEvent("page"),
      panelOf(page).getByRole("button", { name: "Open", exact: true }).click(),
    ]);
    await asked.waitForURL(target);
    const [plain] = await Promise.all([context.waitForEvent("page"), click(target)]);
    await plain.waitForURL(`${target}?plain`);
    expect(await plain.evaluate(() => window.opener === null)).toBe(true);
    expect(dialogs).toBe(0);
  });

  it("asks before it pastes lines into a program that would run them", async () => {
    const context = await signedIn();
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: product.url });
    const page = await openTerminal(context);
    await run(page, "echo ready-$((1+1)); cat", /^ready-2$/m);
    await page.evaluate(() => navigator.clipboard.writeText("line-one\nline-two\n"));
    await shown(page).locator("textarea").focus();
    await page.keyboard.press("Control+Shift+v");
    await panelOf(page).getByText("Paste 3 lines?").waitFor();
    expect(await screen(page)).not.toContain("line-one");
    await panelOf(page).getByRole("button", { name: "Paste", exact: true }).click();
    await expect.poll(() => screen(page)).toContain("line-two");
  });

  it("comes back by itself after the server was killed, with what was typed and with what runs", async () => {
    const page = await openTerminal(await signedIn());
    await run(page, "sleep 5432 & echo alive-$((1+1))", /^alive-2$/m);
    await product.stop("SIGKILL");
    await panelOf(page).getByText("Reconnecting.").waitFor();
    await shown(page).locator("textarea").focus();
    await page.keyboard.type("echo kept-$((1+1)); jobs\n");
    await product.start();
    await expect.poll(() => screen(page), { timeout: 90_000 }).toMatch(/^kept-2$/m);
    await expect.poll(() => screen(page)).toMatch(/Running +sleep 5432/);
    await expect.poll(() => panelOf(page).getByText("Reconnecting.").count()).toBe(0);
    expect(await screen(page)).toMatch(/^alive-2$/m);
  });

  it("has on a phone the keys that its keyboard lacks, large enough for a thumb", async () => {
    const context = await signedIn({
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    });
    const page = await openTerminal(context);
    const keys = panelOf(page).getByRole("toolbar", { name: "Keys" });
    for (const key of await keys.getByRole("button").all()) {
      const box = await key.boundingBox();
      expect(Math.min(box?.width ?? 0, box?.height ?? 0), await key.innerText()).toBeGreaterThanOrEqual(40);
    }
    expect(await sideways(page)).toEqual([]);
    await run(page, "clear; echo up-$((1+1))", /^up-2$/m);
    await run(page, "sleep 9999", /sleep 9999/);
    await keys.getByRole("button", { name: "Ctrl" }).tap();
    await page.keyboard.type("c");
    await expect.poll(() => screen(page)).toContain("^C");
    await keys.getByRole("button", { name: "Up" }).tap();
    await keys.getByRole("button", { name: "Up" }).tap();
    await run(page, "", /^up-2$/m);
  });
});

/** Bytes that the page's WebSockets have brought. */
async function countReceived(devtools: CDPSession): Promise<() => number> {
  let bytes = 0;
  devtools.on("Network.webSocketFrameReceived", ({ response }) => {
    bytes += response.opcode === 2 ? (response.payloadData.length * 3) / 4 : response.payloadData.length;
  });
  await devtools.send("Network.enable");
  return () => bytes;
}

/** What the page's scripts hold, after a collection. */
async function heapBytes(page: Page): Promise<number> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  await devtools.detach();
  return usedSize;
}

/** The server's memory, as the kernel counts it. */
function serverBytes(product: Product): number {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${product.pid()}/status`, "utf8"))?.[1];
  return Number(rss) * 1024;
}
