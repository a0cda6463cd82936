import { isObject, parseObject } from "../_client/parse-json";
import type { TokenSource } from "./token";

/** Tokens from the server, for whoever the cookie says. Read by hand: the answer may come from a proxy in between. */
export const serverTokens: TokenSource = {
  async fetch() {
    const response = await fetch("/api/trpc/convex.token");
    if (response.status === 401) return null;
    const token = response.ok ? tokenIn(await response.text()) : null;
    if (token === null) throw new Error("The server gave no token. It is asked again by itself.");
    return token;
  },
};

/** @returns null for anything but tRPC's answer with a token in it */
export function tokenIn(body: string): string | null {
  const result = parseObject(body)?.result;
  const data = isObject(result) ? result.data : null;
  return isObject(data) && typeof data.token === "string" ? data.token : null;
}
