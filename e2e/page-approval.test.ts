import type { Locator, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { OWNER } from "./harness";
import { HOSTILE } from "./hostile-content";
import { livePages } from "./live-pages";
import { conversation, LONG, permission } from "./session-page";

/** Controls that turn the direction of the text around them. */
const TURNS_TEXT = /[\u202a-\u202e\u2066-\u2069]/;
/** What "always" allows, as the page says it. */
const ALWAYS = /^Always, in this session: echo \*/;

/** What a person sees before they approve, and how they say yes and no. */
describe("an approval", () => {
  const { product, client, browse, open, newSession, remove, send, turnsEnd, shot, spoken } = livePages({
    shots: "approval",
  });
  const ask = (text: string) => `tool bash {"command":"echo ${text}","description":"speak"}`;
  const requestsOf = async (sessionId: string) =>
    (await client().requests.list.query({ sessionId })).items.map(({ outcome, always }) => ({
      outcome,
      always,
    }));

  it("for good, by A, is for what stands beside it, and the agent asks no more for that", async () => {
    const id = await newSession("ask");
    const { page } = await open(id);
    await send(id, ask("first"), ask("second"), "say all allowed");
    await permission(page).getByText(ALWAYS).waitFor(LONG);
    await shot(page, "always");
    const answered = page.getByText(`${OWNER.name} always allows echo *`);
    // A key that came with the request does not answer it; one is pressed until it counts.
    await expect.poll(async () => pressed(page, "a", permission(page)), LONG).toBe(0);
    await answered.waitFor(LONG);
    await expect.poll(() => spoken(page), LONG).toBe("all allowed");
    expect(await requestsOf(id)).toEqual([{ outcome: "always", always: ["echo *"] }]);
    await remove(id);
  });

  it("is not given by a key while a rejection is written, and Escape leads back to all of it", async () => {
    const id = await newSession("ask");
    const { page } = await open(id);
    await send(id, ask("first"), "say went on");
    await permission(page).getByText(ALWAYS).waitFor(LONG);
    const why = permission(page).getByRole("textbox");
    await expect.poll(async () => pressed(page, "r", why), LONG).toBe(1);
    expect(await permission(page).getByText(ALWAYS).count()).toBe(0);
    await page.keyboard.type("yes and always");
    expect(await why.inputValue()).toContain("yes and always");
    // Out of the field, where letters are keys again.
    await conversation(page).click({ position: { x: 5, y: 5 } });
    for (const key of ["y", "a"]) await page.keyboard.press(key);
    await why.focus();
    for (const key of ["Escape", "Escape"]) await page.keyboard.press(key);
    await why.waitFor({ state: "hidden" });
    await permission(page).getByText(ALWAYS).waitFor();
    expect(await requestsOf(id)).toMatchObject([{ outcome: null }]);
    await permission(page).getByRole("button", { name: "Reject" }).click();
    await why.fill("Say it instead");
    await why.press("Enter");
    await page.getByText(`${OWNER.name} rejected: Say it instead`).waitFor(LONG);
    await turnsEnd(id);
    const { summary } = await client().sessions.timeline.query({ id });
    expect(summary.turns.map(({ outcome }) => outcome)).toEqual(["done"]);
    await remove(id);
  });

  it("in the inbox has in sight what it is for, for good too, and a no takes a reason there", async () => {
    const id = await newSession("ask", "Asks twice");
    await send(
      id,
      ask("first"),
      ask("second"),
      'tool bash {"command":"printf never","description":"look"}',
      "say on",
    );
    const page = await (await browse()).newPage();
    await page.goto(product().url);
    const card = page.getByRole("article");
    await card.getByText("echo first", { exact: true }).waitFor(LONG);
    await card.getByText(ALWAYS).waitFor();
    await shot(page, "inbox");
    await card.getByRole("button", { name: "Allow always" }).click();
    await card.getByText("printf never", { exact: true }).waitFor(LONG);
    await card.getByRole("button", { name: "Reject" }).click();
    await card.getByRole("textbox").fill("Not there");
    await card.getByRole("textbox").press("Enter");
    await card.waitFor({ state: "hidden", ...LONG });
    await turnsEnd(id);
    expect(await requestsOf(id)).toEqual([
      { outcome: "always", always: ["echo *"] },
      { outcome: "reject", always: ["printf *"] },
    ]);
    await remove(id);
  });

  it("and every other place names a session so that the name turns nothing around it", async () => {
    const id = await newSession("ask", HOSTILE.title);
    const page = await (await browse()).newPage();
    await page.goto(product().url);
    const signed = (where: Locator) => where.getByText("⟨U+202E⟩").first().waitFor(LONG);
    const isSafe = async () => {
      expect(await page.locator("html").innerText()).not.toMatch(TURNS_TEXT);
      const names = await page
        .locator("[aria-label], [title]")
        .evaluateAll((all) =>
          all.map((each) => `${each.getAttribute("aria-label")} ${each.getAttribute("title")}`),
        );
      expect(names.join("\n")).not.toMatch(TURNS_TEXT);
      expect(await page.evaluate(() => "pwned" in window)).toBe(false);
    };
    const more = page.getByRole("button", { name: /^More about/ });
    const choose = async (what: string) => {
      await more.first().click();
      await page.getByRole("menuitem", { name: what }).click();
    };
    await more.first().waitFor(LONG);
    await isSafe();
    await page.keyboard.press("Control+k");
    await signed(page.getByRole("dialog", { name: "Search" }));
    await isSafe();
    await shot(page, "palette");
    await page.keyboard.press("Escape");
    await choose("Delete");
    await signed(page.getByRole("dialog"));
    await isSafe();
    await shot(page, "delete");
    await page.getByRole("button", { name: "Cancel" }).click();
    await client().sessions.stop.mutate({ id });
    await expect.poll(async () => (await client().sessions.get.query({ id })).status, LONG).toBe("stopped");
    await more.first().click();
    await page.getByRole("menuitem", { name: "Archive", exact: true }).click(LONG);
    await page.getByText(/⟨U\+202E⟩.*is archived/).waitFor(LONG);
    await isSafe();
    await remove(id);
  });
});

/** Presses once. @returns how many of `what` there are then */
async function pressed(page: Page, key: string, what: Locator): Promise<number> {
  await page.keyboard.press(key);
  return what.count();
}
