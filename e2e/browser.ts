import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { OWNER } from "./harness";
import { signIn } from "./sign-in-by-hand";

const CHROMIUM = "/usr/bin/chromium";
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Far above what it takes on a slow machine, and below a test's own limit. */
const LAUNCH_LIMIT_MS = 90_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

export function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: [...ARGS, ...args], timeout: LAUNCH_LIMIT_MS });
}

/** Signed in as {@link OWNER} unless `person` says otherwise. The caller closes it. */
export async function signedInContext(
  browser: Browser,
  url: string,
  {
    person = OWNER,
    ...opts
  }: NonNullable<Parameters<Browser["newContext"]>[0]> & {
    person?: { email: string; password: string };
  } = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: DESKTOP, ...opts });
  const cookie = await signIn(url, person);
  await context.addCookies(cookiesOf(cookie, url));
  return context;
}

/** @param header as of a `cookie` header */
export function cookiesOf(header: string, url: string): { name: string; value: string; url: string }[] {
  return header.split("; ").map((pair) => {
    const at = pair.indexOf("=");
    return { name: pair.slice(0, at), value: pair.slice(at + 1), url };
  });
}

declare global {
  interface Window {
    axe: { run(): Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }> };
  }
}

/** Resolves when nothing on the page is on its way in, out or elsewhere: half-faded text has no contrast. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    // What an event of just now starts begins with the next frame.
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    await Promise.allSettled(
      document
        .getAnimations()
        .filter((one) => one.effect?.getComputedTiming().endTime !== Infinity)
        .map((one) => one.finished),
    );
  });
}

/** What axe finds wrong with the page when all movement on it has ended, one line each. */
export async function axeFindings(page: Page): Promise<string[]> {
  await settled(page);
  // By the debugger, as a page of ours runs no script without its nonce.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run();
    return violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" | ")}`,
    );
  });
}

/** What scrolls sideways or is wider than the screen: the page itself, or what else on it is asked for, by a selector. */
export function sideways(page: Page, selector = "html"): Promise<string[]> {
  // A phone's browser widens the page to what is on it, and nothing scrolls then.
  const screen = page.viewportSize()?.width ?? Infinity;
  return page.locator(selector).evaluateAll(
    (elements, width) =>
      elements.flatMap(({ tagName, scrollWidth, clientWidth }) => {
        const room = Math.min(clientWidth, width);
        return scrollWidth > room ? [`${tagName} ${scrollWidth} > ${room}`] : [];
      }),
    screen,
  );
}

/** What went wrong in a page, and where it asked: neither is to be seen by its reader. */
export interface Watch {
  /** Errors of scripts, and what the browser refused by policy. */
  errors: string[];
  /** Origins that were asked, but for `data:` and `blob:`. */
  origins: Set<string>;
}

export function watchPage(page: Page): Watch {
  const errors: string[] = [];
  const origins = new Set<string>();
  page.on("pageerror", (error) => errors.push(`${error.name}: ${error.message}`));
  page.on("console", (message) => {
    // Chromium tells of every refusal of the API and of every page that is not there; the page itself says so to people.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      errors.push(message.text());
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http")) origins.add(origin);
  });
  return { errors, origins };
}
