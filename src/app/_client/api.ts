import { createTRPCClient, httpLink } from "@trpc/client";
import type { AppRouter } from "../../server/trpc/app-router";

/** Typed calls from the browser, as whoever is signed in. Failures carry a sentence in `message`. */
export const api = createTRPCClient<AppRouter>({ links: [httpLink({ url: "/api/trpc" })] });
