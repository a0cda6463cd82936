import type { Locator, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { SessionEvent } from "../sidecar/src/contract";
import { axeFindings, DESKTOP, PHONE, sideways } from "./browser";
import { addPerson, readEvents, spokenText } from "./harness";
import { livePages } from "./live-pages";
import { composer, LONG } from "./session-page";

const waitingList = (page: Page) => page.getByRole("region", { name: "Waiting prompts" });
const item = (page: Page, text: string) => waitingList(page).getByRole("listitem").filter({ hasText: text });
const button = (of: Locator, name: RegExp) => of.getByRole("button", { name });

const READER = { name: "Rita Reader", email: "rita@example.test", password: "horse battery correct" };

/** What people see of the prompts that wait, and what becomes of them. */
describe("the line of waiting prompts", () => {
  const { product, client, open, newSession, remove, send, turnsEnd, shot, spoken } = livePages({
    shots: "queue",
  });

  const lineOf = async (page: Page) =>
    (await waitingList(page).getByRole("listitem").allInnerTexts()).map((text) =>
      text.replace(/#script\s*/, "").trim(),
    );
  /** A turn that goes on until it is stopped, and prompts behind it. */
  const busySession = async (...behind: string[]) => {
    const id = await newSession();
    await send(id, "say at work", "hang");
    for (const text of behind) await send(id, `say ${text}`);
    await expect.poll(async () => spokenText(await readEvents(client(), id)), LONG).toBe("at work");
    return id;
  };
  const allRan = async (id: string) => {
    await expect
      .poll(async () => {
        const { items } = await client().prompts.queue.query({ sessionId: id });
        return items.length;
      }, LONG)
      .toBe(0);
    await turnsEnd(id);
  };

  it("is shown in order, and each of it is edited, cancelled or brought forward", async () => {
    const id = await busySession("first", "second", "third");
    const { page } = await open(id);
    await waitingList(page).getByText("3 waiting").waitFor(LONG);
    expect(await lineOf(page)).toEqual(["say first", "say second", "say third"]);
    expect(await axeFindings(page)).toEqual([]);

    await button(item(page, "second"), /^Edit/).focus();
    await page.keyboard.press("Enter");
    const field = waitingList(page).getByRole("textbox", { name: "Text of the prompt" });
    await field.fill("#script\nsay never mind");
    // Twice it would stop the agent; here it leaves the field, and the next one counts as the first.
    await page.keyboard.press("Escape");
    await field.waitFor({ state: "hidden" });
    expect(await lineOf(page)).toEqual(["say first", "say second", "say third"]);
    await button(item(page, "second"), /^Edit/).click();
    await field.fill("#script\nsay better");
    await page.keyboard.press("Enter");
    await item(page, "better").waitFor(LONG);
    await field.waitFor({ state: "hidden" });

    await button(item(page, "first"), /^Cancel/).click();
    await expect.poll(() => lineOf(page), LONG).toEqual(["say better", "say third"]);
    await button(item(page, "third"), /^Send now/).click();
    await expect.poll(() => spoken(page), LONG).toMatch(/third.*better/);
    await waitingList(page).waitFor({ state: "hidden" });
    await allRan(id);
    expect(saidBy(await readEvents(client(), id))).toEqual(["at work", "third", "better"]);
    await remove(id);
  });

  it("is kept when the turn is stopped, which is said, and goes on", async () => {
    const id = await busySession("one", "two");
    const { page } = await open(id);
    await waitingList(page).getByText("2 waiting").waitFor(LONG);
    await page.getByRole("button", { name: "Stop the agent" }).click();
    await page.getByText("2 prompts that waited are kept").waitFor(LONG);
    await shot(page, "stopped");
    await allRan(id);
    expect(saidBy(await readEvents(client(), id))).toEqual(["at work", "one", "two"]);
    await remove(id);
  });

  it("is passed by what is sent with Ctrl and Enter", async () => {
    const id = await busySession("one");
    const { page } = await open(id);
    await waitingList(page).getByText("1 waiting").waitFor(LONG);
    await composer(page).fill("#script\nsay at once");
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => spoken(page), LONG).toMatch(/at once.*one/);
    expect(await composer(page).inputValue()).toBe("");
    await allRan(id);
    expect(saidBy(await readEvents(client(), id))).toEqual(["at work", "at once", "one"]);
    await remove(id);
  });

  it("outlives the server, and is run in its order after it, each prompt once", async () => {
    const id = await busySession("one", "two", "three", "four");
    const { items } = await client().prompts.queue.query({ sessionId: id });
    expect(items.map(({ position }) => position)).toEqual([1, 2, 3, 4]);
    const ids = items.map(({ promptId }) => promptId);
    await client().prompts.edit.mutate({ promptId: ids[1] ?? "", text: "#script\nsay two, edited" });
    await client().prompts.cancel.mutate({ promptId: ids[2] ?? "" });
    const { page } = await open(id);
    await waitingList(page).getByText("3 waiting").waitFor(LONG);
    await product().stop("SIGKILL");
    await product().start();
    await page.reload();
    await expect.poll(() => lineOf(page), LONG).toEqual(["say one", "say two, edited", "say four"]);
    await client().prompts.abort.mutate({ sessionId: id });
    await expect.poll(() => spoken(page), LONG).toContain("four");
    await allRan(id);
    const events = await readEvents(client(), id);
    expect(saidBy(events)).toEqual(["at work", "one", "two, edited", "four"]);
    for (const promptId of ids.filter((each) => each !== ids[2])) {
      const turns = events.filter((e) => e.type === "turn.ended" && e.data.promptId === promptId);
      expect(turns).toHaveLength(1);
    }
    await expect(client().prompts.cancel.mutate({ promptId: ids[0] ?? "" })).rejects.toMatchObject({
      data: { code: "CONFLICT", reason: "not_waiting" },
    });
    await remove(id);
  });

  it("is seen by a reader, who can do nothing about it", async () => {
    await addPerson(product(), READER);
    const id = await busySession("first", "second");
    await client().sessions.share.mutate({ id, visibility: "team-read" });
    const { page } = await open(id, { person: READER });
    await waitingList(page).getByText("2 waiting").waitFor(LONG);
    await item(page, "second").waitFor();
    await shot(page, "reader");
    expect(await waitingList(page).getByRole("button").count()).toBe(0);
    await remove(id);
  });

  it("does not lose what somebody writes while the prompt begins", async () => {
    const id = await busySession("as it was");
    const { page } = await open(id);
    await button(item(page, "as it was"), /^Edit/).click();
    const field = waitingList(page).getByRole("textbox", { name: "Text of the prompt" });
    await field.fill("#script\nsay as it should be");
    await client().prompts.abort.mutate({ sessionId: id });
    await page.getByText(/What you wrote is in the message field/).waitFor(LONG);
    expect(await composer(page).inputValue()).toBe("#script\nsay as it should be");
    await allRan(id);
    await remove(id);
  });

  it("can be read and used at any width, in both themes", async () => {
    const id = await busySession(
      "something short",
      `${"a long text that goes on and on ".repeat(20)}to its end`,
      `${"without-a-space".repeat(30)}`,
      "fourth",
    );
    await client().prompts.shell.mutate({ sessionId: id, command: "npm test -- --watch", key: "shell" });
    for (const colorScheme of ["dark", "light"] as const) {
      for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
        const { page, context } = await open(id, { colorScheme, viewport, hasTouch: size === "phone" });
        await waitingList(page).getByText("5 waiting").waitFor(LONG);
        await shot(page, `${size}-${colorScheme}`);
        expect(await sideways(page)).toEqual([]);
        await button(item(page, "something short"), /^Edit/).click();
        await waitingList(page).getByRole("textbox").waitFor(LONG);
        await shot(page, `${size}-${colorScheme}-editing`);
        expect(await axeFindings(page)).toEqual([]);
        await context.close();
      }
    }
    await remove(id);
  });
});

/** What the agent said in each of its turns that said something. */
function saidBy(events: SessionEvent[]): string[] {
  const starts = events.flatMap((event, index) => (event.type === "turn.started" ? [index] : []));
  return starts.map((start, n) => spokenText(events.slice(start, starts[n + 1])).trim());
}
