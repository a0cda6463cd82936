/** The baseline of the pages: opencode's own web UI, served by the same binary, showing its own session. */
import type { Page } from "playwright-core";
import { z } from "zod";
import type { BareOpencode } from "./bare-opencode";

/** The address of the session's page. */
export function sessionAddress({ url, directory, sessionId }: BareOpencode): string {
  return `${url}/${Buffer.from(directory).toString("base64url")}/session/${sessionId}`;
}

/** The page can be typed into. */
export async function untilOpencodeTakesText(page: Page): Promise<void> {
  await page.locator("[contenteditable=true], textarea").first().waitFor();
}

const messages = z.array(z.object({ parts: z.array(z.object({ text: z.string().optional() })) }));

/** What its newest message says. */
export async function newestText({ url, sessionId }: BareOpencode): Promise<string> {
  const answer = await fetch(`${url}/session/${sessionId}/message?limit=1`);
  const [newest] = messages.parse(await answer.json());
  return (newest?.parts ?? [])
    .map((part) => part.text ?? "")
    .join("")
    .trim();
}
