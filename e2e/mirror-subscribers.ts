/** Those who watch a session as pages do: the official Convex client, and the page's own way from window to window. */
import { ConvexClient } from "convex/browser";
import { WebSocket } from "ws";
import { api as mirror } from "../convex/_generated/api";
import { createEventFeed, WINDOW } from "../src/app/_live/event-feed";
import type { EventRow } from "../src/app/_live/parse-event";
import type { Product } from "./harness";

export interface Subscriber {
  close(): Promise<void>;
}

/** Resolves when the session's present is there. @param opts.onFrame told of what comes over the socket, as it comes */
export async function subscribe(
  { client, url }: Pick<Product, "client" | "url">,
  opts: {
    sessionId: string;
    onEvents: (rows: readonly EventRow[]) => void;
    onFrame?: ((frame: string) => void) | undefined;
  },
): Promise<Subscriber> {
  const { sessionId, onEvents, onFrame } = opts;
  const { lastSeq } = await client.sessions.get.query({ id: sessionId });
  class Socket extends WebSocket {
    constructor(address: string) {
      super(address);
      if (onFrame !== undefined) this.on("message", (data: Buffer) => onFrame(data.toString()));
    }
  }
  const convex = new ConvexClient(`${url}/convex`, {
    // The library's type of sockets is the browser's.
    webSocketConstructor: Socket as unknown as typeof globalThis.WebSocket,
    skipConvexDeploymentUrlCheck: true,
    unsavedChangesWarning: false,
    logger: false,
  });
  convex.setAuth(async () => (await client.convex.token.query()).token);
  await new Promise<void>((resolve, reject) => {
    const feed = createEventFeed({
      watchWindow: (afterSeq, onRows) =>
        convex.onUpdate(
          mirror.sessionEvents.window,
          { sessionId, afterSeq, limit: WINDOW },
          (rows) => {
            onRows(rows);
            resolve();
          },
          reject,
        ),
      onEvents,
      onGap: () => reject(new Error("The mirror lacks events of the session.")),
    });
    feed.start(lastSeq);
  });
  return { close: () => convex.close() };
}
