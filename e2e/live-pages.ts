/** An installation, a browser and pages of sessions in it, for the tests of one `describe`. */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { launchBrowser, signedInContext } from "./browser";
import { type Product, ROOT, sessionIs, startProduct } from "./harness";
import { conversation, drawn, freshness, LONG, proseOf } from "./session-page";

/** Looked at by people; made anew by each run and not kept. */
const SHOTS = join(ROOT, ".cache", "screenshots");

type ContextOptions = Parameters<typeof signedInContext>[2];

/**
 * To be called in a `describe`: it starts and ends what the tests need, and closes their pages after each.
 * @param opts.shots what names of screenshots begin with
 * @param opts.env settings of the installation
 */
export function livePages(opts: { shots: string; env?: Record<string, string> }) {
  const running: { product?: Product; browser?: Browser } = {};
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    running.product = await startProduct(opts.env);
    running.browser = await launchBrowser();
  });
  afterAll(async () => {
    await running.browser?.close();
    await running.product?.close();
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
  });

  const product = () => started(running.product);
  const browser = () => started(running.browser);
  const client = () => product().client;
  /** Signed in. It is closed after the test. */
  const browse = async (options: ContextOptions = {}) => {
    const context = await signedInContext(browser(), product().url, { colorScheme: "dark", ...options });
    contexts.push(context);
    return context;
  };
  const show = async (page: Page, id: string) => {
    await page.goto(`${product().url}/sessions/${id}`);
    await conversation(page).waitFor(LONG);
    await freshness(page, "live").waitFor(LONG);
  };
  return {
    product,
    browser,
    client,
    browse,
    /** Until the conversation is there and live. */
    show,
    async open(id: string, options: ContextOptions = {}) {
      const context = await browse(options);
      const page = await context.newPage();
      await show(page, id);
      return { page, context };
    },
    /** @returns the id of a session that waits for a prompt */
    async newSession(permissionMode: "ask" | "auto" = "auto", title = "Under watch") {
      const { id } = await client().sessions.create.mutate({ title, permissionMode });
      await sessionIs(client(), id, "idle");
      return id;
    },
    remove: (id: string) => client().sessions.remove.mutate({ id }),
    /** Lines of the demo model's script. */
    send: (sessionId: string, ...lines: string[]) =>
      client().prompts.send.mutate({
        sessionId,
        text: ["#script", ...lines].join("\n"),
        key: randomUUID(),
      }),
    turnsEnd: (id: string) =>
      expect
        .poll(async () => (await client().sessions.timeline.query({ id })).summary.currentTurnId, LONG)
        .toBeNull(),
    shot: (page: Page, name: string) => page.screenshot({ path: join(SHOTS, `${opts.shots}-${name}.png`) }),
    spoken: async (page: Page) => proseOf(await drawn(page)),
  };
}

function started<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error("it runs within tests alone");
  return thing;
}

/** `w0 w1 w2 …`: each word once. */
export function words(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, i) => `w${from + i}`).join(" ");
}
