import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { PHONE } from "./browser";
import { containersOf, runTurn, sessionIs } from "./harness";
import { livePages } from "./live-pages";
import { conversation, LONG } from "./session-page";

/** The least there is. */
const LIMIT_MINUTES = 1;
/** Longer than the test may take. */
const BUSY_MS = 600_000;
/** What is busy, watched or at work goes on at least so long after the one that is not. */
const LONGER_MS = 20_000;

/** R19: who is stopped when nobody uses a session, and who is not. */
describe("a session that nobody uses", () => {
  const { product, client, browse, open, newSession, remove, send, shot } = livePages({ shots: "idle" });

  async function startProgram(page: Page): Promise<void> {
    const panel = page.getByRole("region", { name: "Terminal", exact: true });
    await expect
      .poll(async () => {
        if ((await panel.count()) === 0) await page.keyboard.press("Control+Backquote");
        return panel.count();
      }, LONG)
      .toBe(1);
    const rows = panel.getByRole("tabpanel").locator(".xterm-rows");
    await expect.poll(() => rows.textContent(), LONG).toMatch(/\$\s*$/);
    await panel.getByRole("tabpanel").locator("textarea").focus();
    await page.keyboard.type("echo begun; cat");
    await page.keyboard.press("Enter");
    await expect.poll(() => rows.textContent(), LONG).toContain("begun");
  }

  it("stops after a warning and resumes with all it had; those that are used go on", async () => {
    await client().settings.set.mutate({ idleStopMinutes: LIMIT_MINUTES });
    const titled = (title: string) => newSession("auto", title);
    const [busy, watched, program] = [await titled("Busy"), await titled("Watched"), await titled("Program")];
    const [exempt, unused] = [await titled("Exempt"), await titled("Unused")];
    const used = [busy, watched, program, exempt];
    await client().sessions.setIdleStop.mutate({ id: exempt, minutes: 0 });
    await runTurn(client(), { sessionId: unused, text: "echo kept > kept.txt", kind: "shell" });
    await send(busy, `sleep ${BUSY_MS}`, "say done");
    const { page: other, context } = await open(program);
    await startProgram(other);
    await context.close();
    await open(watched);

    const list = await (await browse({ viewport: PHONE })).newPage();
    await list.goto(product().url);
    await list.getByRole("main").getByText("Nobody uses it.").first().waitFor({ timeout: 120_000 });
    await shot(list, "stops-soon");
    await expect
      .poll(async () => (await client().sessions.get.query({ id: unused })).status, { timeout: 150_000 })
      .toBe("stopped");
    await list.waitForTimeout(LONGER_MS);
    for (const id of used) expect(await client().sessions.get.query({ id })).toMatchObject({ reason: null });
    expect(await containersOf(product().instance)).toHaveLength(used.length);

    const { page } = await open(unused);
    await page.getByText("Nobody used this session for a minute").waitFor(LONG);
    await shot(page, "stopped");
    await page.getByRole("button", { name: "Resume" }).last().click();
    await sessionIs(client(), unused, "idle");
    await expect.poll(() => conversation(page).textContent()).toContain("kept.txt");
    const files = await runTurn(client(), { sessionId: unused, text: "cat kept.txt", kind: "shell" });
    expect(files.outcome).toBe("done");
    expect(JSON.stringify(files.events)).toContain("kept\\n");
    await Promise.all([...used, unused].map(remove));
  });

  it("has its limit set in its menu, and the installation's in the settings", async () => {
    const id = await newSession("auto", "To be set");
    const { page } = await open(id);
    await page
      .getByRole("button", { name: /More|Menu/ })
      .last()
      .click();
    await page.getByRole("menuitem", { name: "When nobody uses it…" }).click();
    await page.getByRole("combobox", { name: "Stop this session" }).click();
    await shot(page, "menu");
    await page.getByRole("option", { name: "After 4 hours" }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await expect.poll(async () => (await client().sessions.get.query({ id })).idleStopMinutes).toBe(240);

    await page.goto(`${product().url}/settings/sessions`);
    await page.getByRole("combobox", { name: "Stop sessions" }).click();
    await page.getByRole("option", { name: "Never" }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await expect.poll(async () => (await client().settings.get.query()).idleStopMinutes).toBe(0);
    await shot(page, "settings");
    await remove(id);
  });
});
