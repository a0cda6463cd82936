import { describe, expect, it } from "vitest";
import { openTerminal } from "../src/client/index";
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

  /** By a script: a page would look at the session, and that is use. */
  async function startProgram(sessionId: string): Promise<void> {
    const { url, token } = product();
    let output = "";
    const onOutput = (data: Uint8Array) => void (output += Buffer.from(data).toString());
    const terminal = await openTerminal(client(), { url, token, sessionId, cols: 80, rows: 24, onOutput });
    terminal.write("echo be''gun; cat\n");
    await expect.poll(() => output, LONG).toContain("begun");
    await terminal.close();
  }

  it("stops after a warning and resumes with all it had; those that are used go on", async () => {
    const titles = ["Busy", "Watched", "Program", "Exempt", "Unused"];
    const ids = await Promise.all(titles.map((title) => newSession("auto", title)));
    const [busy = "", watched = "", program = "", exempt = "", unused = ""] = ids;
    const used = [busy, watched, program, exempt];
    await client().sessions.setIdleStop.mutate({ id: exempt, minutes: 0 });
    await startProgram(program);
    await send(busy, `sleep ${BUSY_MS}`, "say done");
    // The last that is used, so that the others have been quiet for longer when it is stopped.
    await runTurn(client(), { sessionId: unused, text: "echo kept > kept.txt", kind: "shell" });
    const { page: watching } = await open(watched);
    let looks = 0;
    watching.on("request", (request) => (looks += Number(request.url().includes("sessions.watch"))));
    await client().settings.set.mutate({ idleStopMinutes: LIMIT_MINUTES });

    const list = await (await browse({ viewport: PHONE })).newPage();
    await list.goto(product().url);
    await list.getByRole("main").getByText("Nobody uses it.").first().waitFor({ timeout: 120_000 });
    await shot(list, "stops-soon");
    await expect
      .poll(async () => (await client().sessions.get.query({ id: unused })).status, { timeout: 150_000 })
      .toBe("stopped");
    await list.waitForTimeout(LONGER_MS);
    for (const id of used) {
      const status = id === busy ? "active" : "idle";
      expect(await client().sessions.get.query({ id })).toMatchObject({ status, reason: null });
    }
    // One look is good for a minute and a half: the page goes on looking.
    expect(looks).toBeGreaterThanOrEqual(2);
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
