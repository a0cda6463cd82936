import type { Locator, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { DESKTOP, PHONE, sideways, watchPage } from "./browser";
import { addPerson, OWNER, runTurn } from "./harness";
import { HOSTILE } from "./hostile-content";
import { livePages, words } from "./live-pages";
import {
  composer,
  conversation,
  drawn,
  freshness,
  holdMirror,
  LONG,
  permission,
  proseOf,
  told,
} from "./session-page";

/** Controls that turn the direction of the text around them. */
const TURNS_TEXT = /[\u202a-\u202e\u2066-\u2069]/;
const READER = { name: "Rita Reader", email: "rita@example.test", password: "horse battery correct" };

/** A page of a session that is watched and steered while the world around it misbehaves. */
describe("a session's page", () => {
  const { product, client, browse, open, show, newSession, remove, send, turnsEnd, shot, spoken } = livePages(
    {
      shots: "live",
    },
  );

  it("says that the browser is offline, then catches up in order, with nothing twice and nothing missing", async () => {
    const id = await newSession();
    const { page, context } = await open(id);
    await send(
      id,
      "delay 20",
      `say ${words(0, 100)}`,
      'tool bash {"command":"echo from the tool","description":"speak"}',
      `say ${words(100, 300)}`,
    );
    await expect.poll(() => spoken(page), LONG).toContain("w5 ");
    await context.setOffline(true);
    await freshness(page, "offline").waitFor(LONG);
    await page.getByText(/This browser is offline/).waitFor();
    await turnsEnd(id);
    expect(await spoken(page)).not.toContain("w299");
    await shot(page, "offline");
    await context.setOffline(false);
    const whole = await told(client(), id);
    expect(proseOf(whole)).toBe(words(0, 300));
    await expect.poll(() => drawn(page), LONG).toEqual(whole);
    await freshness(page, "live").waitFor(LONG);
    await page.getByText(/This browser is offline/).waitFor({ state: "hidden" });
    await remove(id);
  });

  it("says that it reconnects while the server restarts, keeps what was typed, and then sends it", async () => {
    const id = await newSession();
    const { page } = await open(id);
    const draft = "#script\nsay back again";
    await composer(page).fill(draft);
    await product().stop();
    await freshness(page, "reconnecting").waitFor(LONG);
    await shot(page, "reconnecting");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText(/The server does not answer/).waitFor(LONG);
    expect(await composer(page).inputValue()).toBe(draft);
    await shot(page, "not-sent");
    await product().start();
    await freshness(page, "live").waitFor(LONG);
    await page.reload();
    await expect.poll(() => composer(page).inputValue(), LONG).toBe(draft);
    await page.getByRole("button", { name: "Send" }).click();
    await expect.poll(() => spoken(page), LONG).toBe("back again");
    expect(await composer(page).inputValue()).toBe("");
    await turnsEnd(id);
    await expect.poll(() => drawn(page), LONG).toEqual(await told(client(), id));
    await remove(id);
  });

  it("tells the slower of two tabs how a request was answered", async () => {
    const id = await newSession("ask");
    const { page: first, context } = await open(id);
    const second = await context.newPage();
    const hold = await holdMirror(second);
    await show(second, id);
    await send(id, 'tool bash {"command":"echo asked","description":"speak"}', "say after the answer");
    await permission(first).waitFor(LONG);
    await permission(second).waitFor(LONG);
    hold(true);
    await permission(first).getByRole("button", { name: "Allow once" }).click();
    await first.getByText(`${OWNER.name} allowed once`).waitFor(LONG);
    await permission(second).getByRole("button", { name: "Reject" }).click();
    await permission(second).getByRole("textbox").fill("Rather not");
    await permission(second).getByRole("textbox").press("Enter");
    await second.getByText(/was allowed once already/).waitFor(LONG);
    await shot(second, "answered-elsewhere");
    hold(false);
    for (const page of [first, second]) {
      await page.getByText(`${OWNER.name} allowed once`).waitFor(LONG);
      await permission(page).waitFor({ state: "hidden" });
      await expect.poll(() => spoken(page), LONG).toBe("after the answer");
      expect(await page.getByText(/rejected/).count()).toBe(0);
      await composer(page).waitFor();
    }
    await shot(second, "answered");
    await remove(id);
  });

  it("runs, fetches and follows nothing that the agent says, and nothing of it breaks the page", async () => {
    const id = await newSession("ask", HOSTILE.title);
    const { page, context } = await open(id, { viewport: PHONE });
    const watch = watchPage(page);
    await page.reload();
    let others = 0;
    context.on("page", () => (others += 1));
    await runTurn(client(), { sessionId: id, text: HOSTILE.script });
    await runTurn(client(), { sessionId: id, text: HOSTILE.command, kind: "shell" });
    await expect.poll(() => spoken(page), LONG).toContain(HOSTILE.lastWords);
    const closed = conversation(page).locator("button[aria-expanded=false]");
    while ((await closed.count()) > 0) await closed.first().click();
    await shot(page, "hostile-opened");
    await send(id, HOSTILE.asking);
    await permission(page).waitFor(LONG);
    await conversation(page).evaluate((log) => (log.scrollTop = 0));
    const toNew = page.getByRole("button", { name: "new", exact: true });
    for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
      await page.setViewportSize(viewport);
      await toNew.waitFor(LONG);
      await shot(page, `hostile-${size}`);
      expect(await sideways(page, "html, [role=log], header, main"), size).toEqual([]);
      const [above, below] = [await toNew.boundingBox(), await permission(page).boundingBox()];
      expect((above?.y ?? 0) + (above?.height ?? 0), size).toBeLessThanOrEqual(below?.y ?? 0);
    }
    expect(await page.evaluate(() => "pwned" in window)).toBe(false);
    const drawnByIt =
      "script, iframe, object, embed, form, link, style, img, [onerror], [onclick], [style*=url]";
    expect(await conversation(page).locator(drawnByIt).count()).toBe(0);
    const links = await conversation(page)
      .locator("a")
      .evaluateAll((all) => all.map((link) => [link.getAttribute("href"), link.getAttribute("rel")]));
    expect(links.length).toBeGreaterThan(0);
    for (const [href, rel] of links) {
      expect(href).toMatch(/^https:\/\/elsewhere\.example\//);
      expect(rel).toContain("noopener");
    }
    expect(await page.locator("html").innerText()).not.toMatch(TURNS_TEXT);
    expect(await page.title()).not.toMatch(TURNS_TEXT);
    expect(await permission(page).innerText()).toContain("⟨U+202E⟩");
    await page.goto(product().url);
    await page.getByRole("article").getByText("⟨U+202E⟩").first().waitFor(LONG);
    await shot(page, "hostile-inbox");
    expect(await page.locator("html").innerText()).not.toMatch(TURNS_TEXT);
    expect(await sideways(page, "html, [role=log], header, main")).toEqual([]);
    expect(await page.evaluate(() => "pwned" in window)).toBe(false);
    expect(watch.errors).toEqual([]);
    expect([...watch.origins]).toEqual([product().url]);
    expect(others).toBe(0);
    await remove(id);
  });

  it("says that the session is gone when another tab deleted it, with a way back", async () => {
    const id = await newSession();
    const { page } = await open(id);
    await composer(page).fill("too late");
    await remove(id);
    await page.getByText("This session is gone").waitFor(LONG);
    await shot(page, "gone");
    await page.getByRole("main").getByRole("link", { name: "To the sessions" }).click();
    await page.getByRole("heading", { name: "No sessions yet" }).waitFor(LONG);
  });

  it("leaves whoever scrolled up where they read, and brings them to what is new when they ask", async () => {
    const id = await newSession();
    const { page } = await open(id);
    const line = (n: number) => `say Paragraph ${n}. ${words(0, 60)}`;
    await runTurn(client(), { sessionId: id, text: ["#script", ...range(12).map(line)].join("\n") });
    await runTurn(client(), { sessionId: id, text: ["#script", ...range(12).map(line)].join("\n") });
    await send(
      id,
      "delay 20",
      `say ${words(1000, 1200)}`,
      'tool bash {"command":"seq 40"}',
      "say more",
      "hang",
    );
    await expect.poll(() => spoken(page), LONG).toContain("w1005");
    const place = () =>
      conversation(page).evaluate(({ scrollTop, scrollHeight, clientHeight }) => ({
        top: scrollTop,
        left: scrollHeight - scrollTop - clientHeight,
      }));
    await expect.poll(async () => (await place()).left).toBeLessThan(2);
    await conversation(page).hover();
    await page.mouse.wheel(0, -500);
    const toNew = page.getByRole("button", { name: "new", exact: true });
    await toNew.waitFor(LONG);
    const { top } = await place();
    await expect.poll(() => spoken(page), LONG).toContain("more");
    expect((await place()).top).toBe(top);
    await shot(page, "scrolled-up");
    await toNew.click();
    await expect.poll(async () => (await place()).left).toBeLessThan(2);
    await toNew.waitFor({ state: "hidden" });
    await client().prompts.abort.mutate({ sessionId: id });
    await remove(id);
  });

  it("is steered by keys", async () => {
    const id = await newSession("ask");
    const { page } = await open(id);
    const tool = (text: string) => `tool bash {"command":"echo ${text}","description":"speak"}`;
    await send(id, tool("first"), tool("second"), "say on and on", "hang");
    const command = (text: string) => permission(page).getByText(`echo ${text}`);
    await command("first").waitFor(LONG);
    // A key that came with the request does not answer it; one is pressed until it counts.
    await expect.poll(() => pressed(page, "y", command("first")), LONG).toBe(0);
    await command("second").waitFor(LONG);
    const why = permission(page).getByRole("textbox");
    await expect.poll(async () => 1 - (await pressed(page, "r", why)), LONG).toBe(0);
    await page.keyboard.type("yes, n and r are letters here");
    expect(await why.inputValue()).toContain("yes, n and r are letters here");
    await page.keyboard.press("Escape");
    await why.waitFor({ state: "hidden" });
    await page.keyboard.press("n");
    await why.waitFor(LONG);
    await page.keyboard.type("Say it instead");
    await page.keyboard.press("Enter");
    await page.getByText(`${OWNER.name} rejected: Say it instead`).waitFor(LONG);
    await expect.poll(() => spoken(page), LONG).toContain("on and on");

    await page.keyboard.press("n");
    const dialog = page.getByRole("dialog", { name: "New session" });
    await dialog.waitFor(LONG);
    // It is the dialog's: the agent goes on.
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await page.keyboard.press("Control+Backquote");
    const panel = page.getByRole("region", { name: "Terminal", exact: true });
    await panel.waitFor(LONG);
    await page.keyboard.press("Control+Backquote");
    await panel.waitFor({ state: "hidden" });
    await composer(page).focus();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await turnsEnd(id);
    const { summary } = await client().sessions.timeline.query({ id });
    expect(summary.turns.map(({ outcome }) => outcome)).toEqual(["aborted"]);
    await conversation(page)
      .getByText(/^stopped/)
      .waitFor(LONG);
    await remove(id);
  });

  it("loads a menu when it is wanted, by pointer or by keys, and gives the focus back", async () => {
    const id = await newSession("ask", "With a menu");
    const { page, context } = await open(id);
    const more = page.locator("main").getByRole("button", { name: "More about With a menu" });
    const menu = page.getByRole("menu");
    await context.setOffline(true);
    await more.click();
    await page.getByText("This could not be loaded from the server.").waitFor(LONG);
    expect(await menu.count()).toBe(0);
    await context.setOffline(false);
    await page.reload();
    await more.focus();
    await page.keyboard.press("Enter");
    await menu.waitFor(LONG);
    await page.keyboard.press("Escape");
    await menu.waitFor({ state: "hidden" });
    await expect.poll(() => hasFocus(more), LONG).toBe(true);
    await page.keyboard.press("ArrowDown");
    await page.getByRole("menu", { name: "More about With a menu" }).waitFor(LONG);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    const title = page.getByRole("dialog", { name: "Rename session" }).getByLabel("Title");
    await expect.poll(() => hasFocus(title), LONG).toBe(true);
    await page.keyboard.press("Escape");
    await expect.poll(() => hasFocus(more), LONG).toBe(true);

    const model = page.getByRole("button", { name: /^Model/ });
    await model.click();
    const search = page.getByRole("combobox", { name: "Search models" });
    await expect.poll(() => hasFocus(search), LONG).toBe(true);
    await model.click();
    await search.waitFor({ state: "hidden" });
    await model.click();
    await expect.poll(() => hasFocus(search), LONG).toBe(true);
    await page.keyboard.type("demo");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await search.waitFor({ state: "hidden" });
    await expect.poll(() => hasFocus(model), LONG).toBe(true);

    await page.getByRole("button", { name: "Show the terminal" }).hover();
    const tip = page.getByText(/^Show the terminal/);
    await tip.waitFor(LONG);
    await page.keyboard.press("Escape");
    await tip.waitFor({ state: "hidden" });
    await remove(id);
  });

  it("shows a reader all of it, and nothing to write or to answer with", async () => {
    await addPerson(product(), READER);
    const id = await newSession("ask");
    await send(id, 'tool bash {"command":"echo asked","description":"speak"}', "say after the answer");
    const { items } = await client().sessions.list.query({});
    expect(items.map((session) => session.id)).toContain(id);
    const context = await browse({ person: READER });
    const page = await context.newPage();
    await page.goto(`${product().url}/sessions/${id}`);
    await page.getByText("This session is gone").waitFor(LONG);
    await client().sessions.share.mutate({ id, visibility: "team-read" });
    await show(page, id);
    await permission(page).waitFor(LONG);
    await page.getByText(/^You can read this session/).waitFor();
    expect(await composer(page).count()).toBe(0);
    expect(await permission(page).getByRole("button").count()).toBe(0);
    await shot(page, "reader");
    for (const key of ["y", "a", "r"]) await page.keyboard.press(key);
    expect(
      await page
        .getByRole("main")
        .getByRole("button", { name: /^(Stop|Resume)/ })
        .count(),
    ).toBe(0);
    const [request] = (await client().requests.list.query({ sessionId: id, open: true })).items;
    await client().requests.respond.mutate({ id: request?.id ?? "none", reply: "once" });
    await page.getByText(`${OWNER.name} allowed once`).waitFor(LONG);
    await expect.poll(() => spoken(page), LONG).toBe("after the answer");
    await client().sessions.share.mutate({ id, visibility: "private" });
    await page.getByText("This session is gone").waitFor(LONG);
    await remove(id);
  });
});

/** Presses once. @returns how many of `what` there are then */
async function pressed(page: Page, key: string, what: Locator): Promise<number> {
  await page.keyboard.press(key);
  return what.count();
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function hasFocus(of: Locator): Promise<boolean> {
  return of.evaluate((element) => element === document.activeElement);
}
