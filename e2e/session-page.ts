/** A session's page as a test sees it: what it shows, beside what the server says. */
import type { Page, WebSocketRoute } from "playwright-core";
import type { OpenAgentClient } from "../src/client/index";

/** Slow in a cold start of the browser, the server and the session's container on a busy machine. */
export const LONG = { timeout: 60_000 };

export const conversation = (page: Page) => page.getByRole("log", { name: "Conversation" });
export const composer = (page: Page) => page.getByRole("textbox", { name: "Message to the agent" });
export const permission = (page: Page) => page.getByRole("region", { name: "Permission required" });
/** How fresh the page says that it is. */
export const freshness = (page: Page, word: "live" | "reconnecting" | "behind" | "offline") =>
  page.locator("main > header").getByRole("status").filter({ hasText: word });

/** @returns gives every word that the page has said since of how fresh it is, in order */
export async function noteFreshness(page: Page): Promise<() => Promise<string[]>> {
  const notes = await page.evaluateHandle(() => {
    const words: string[] = [];
    const note = () => {
      const said = document.querySelector("main > header [role=status]")?.textContent ?? "";
      const word = /live|reconnecting|behind|offline/.exec(said)?.[0];
      if (word !== undefined && word !== words.at(-1)) words.push(word);
    };
    new MutationObserver(note).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    note();
    return words;
  });
  return () => notes.jsonValue();
}

/** One thing of the conversation: its id, and its text if it is prose of the agent. */
export type Piece = [id: string, text: string | null];

/** What the page draws, from top to bottom. */
export async function drawn(page: Page): Promise<Piece[]> {
  return conversation(page)
    .locator("[data-anchor]")
    .evaluateAll((elements) =>
      elements.map((element): [string, string | null] => {
        // The heading of what a person said, the card of a tool, the fold of a thought.
        const isProse = element.querySelector("h2, [data-tool], [aria-expanded]") === null;
        const text = (element.textContent ?? "").replace(/\s+/g, " ").trim();
        return [element.getAttribute("data-anchor") ?? "", isProse && text !== "" ? text : null];
      }),
    );
}

/** What the server has of the conversation, as {@link drawn} tells it. */
export async function told(client: OpenAgentClient, sessionId: string): Promise<Piece[]> {
  const { messages } = await client.sessions.timeline.query({ id: sessionId });
  return messages.flatMap((message): Piece[] =>
    message.role === "user"
      ? [[message.promptId ?? message.id, null]]
      : message.parts.map(({ id, kind, text }) => {
          const line = text.replace(/\s+/g, " ").trim();
          return [id, kind === "text" && line !== "" ? line : null];
        }),
  );
}

/** The agent's prose, in one line. */
export function proseOf(pieces: readonly Piece[]): string {
  return pieces.flatMap(([, text]) => text ?? []).join(" ");
}

/**
 * Lets a test hold back what the mirror sends to this page, as a slow network would. Called before the page is opened.
 * @returns the switch: true holds, false lets all of it through in order
 */
export async function holdMirror(page: Page): Promise<(hold: boolean) => void> {
  let isHeld = false;
  let held: (() => void)[] = [];
  await page.routeWebSocket(/\/convex\//, (socket) => {
    socket.connectToServer().onMessage((message) => {
      if (isHeld) held.push(() => socket.send(message));
      else socket.send(message);
    });
  });
  return (hold) => {
    isHeld = hold;
    if (hold) return;
    for (const send of held) send();
    held = [];
  };
}

/**
 * Lets a test take the mirror away from this page: what it has open is cut, and what it opens anew is refused. Called
 * before the page is opened.
 * @returns the switch: true takes it away, false gives it back
 */
export async function cutMirror(page: Page): Promise<(isAway: boolean) => Promise<void>> {
  let isAway = false;
  const ends: WebSocketRoute[] = [];
  await page.route(/\/convex\//, (route) => (isAway ? route.abort("connectionrefused") : route.fallback()));
  await page.routeWebSocket(/\/convex\//, async (socket) => {
    if (isAway) await socket.close();
    else ends.push(socket, socket.connectToServer());
  });
  return async (away) => {
    isAway = away;
    if (away) await Promise.all(ends.splice(0).map((end) => end.close()));
  };
}
