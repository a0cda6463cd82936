import {
  createTRPCClient,
  httpBatchLink,
  httpSubscriptionLink,
  splitLink,
  type TRPCClient,
} from "@trpc/client";
import { EventSource, type EventSourceFetchInit } from "eventsource";
import type { AppRouter } from "../server/trpc/app-router";

/** Every procedure of the server, typed: `client.sessions.create.mutate({ … })`, `client.sessions.list.query({ … })`. */
export type OpenAgentClient = TRPCClient<AppRouter>;

export interface ClientOptions {
  /** Where the server is, such as `http://127.0.0.1:3000`. */
  url: string;
  /** A personal access token, `oa_…`. */
  token: string;
  /** In the place of Node's own, for a proxy or a certificate authority of one's own. */
  fetch?: typeof globalThis.fetch;
}

/** The most calls in one request; the server takes no more. */
const MAX_BATCH = 20;

/**
 * A client for scripts. Calls made in the same tick share a request; subscriptions are server-sent events.
 * There is nothing to close: a subscription ends with its `unsubscribe` or signal.
 *
 * @throws TypeError when `url` is not a URL. Calls reject with `TRPCClientError`: `message` is a sentence with the next
 *   step, `data.reason` is for programs (for example `session_stopped`, `no_key`); without `data` the server was not reached.
 */
export function createClient(options: ClientOptions): OpenAgentClient {
  const url = new URL("/api/trpc", options.url).toString();
  const authorization = `Bearer ${options.token}`;
  const doFetch = options.fetch ?? globalThis.fetch;
  return createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === "subscription",
        true: httpSubscriptionLink({
          url,
          EventSource,
          eventSourceOptions: {
            // An EventSource of the standard sets no headers; this one lets its fetch do it.
            fetch: (target: string | URL, init: EventSourceFetchInit) =>
              doFetch(target, { ...init, headers: { ...init.headers, authorization } }),
          },
        }),
        false: httpBatchLink({ url, maxItems: MAX_BATCH, headers: { authorization }, fetch: doFetch }),
      }),
    ],
  });
}
