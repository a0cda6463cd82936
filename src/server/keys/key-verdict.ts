/** What a provider's answer says about a key. Pure. */
import { z } from "zod";
import { redactText } from "../../../sidecar/src/credential-proxy/key-redactor";
import type { Body, Heard } from "./ask-provider";

export const KEY_TEST_REASONS = [
  /** The provider does not take the key, or does not let it do this. */
  "refused",
  "rate_limited",
  /** The provider has a fault of its own. */
  "provider_error",
  /** Something else than a model API answers at this address. */
  "not_an_api",
  "unreachable",
  /** The address is one that keys may not be sent to; an administrator can allow it. */
  "blocked",
  /** The stored key does not decrypt. */
  "unreadable",
  /** Nothing that costs nothing would tell. */
  "untestable",
] as const;
export type KeyTestReason = (typeof KEY_TEST_REASONS)[number];

export type KeyTestResult =
  /** `models`: how many the provider lists for this key; null where it was asked something else. */
  | { ok: true; models: number | null }
  /** `message`: a sentence with the next step; `detail`: technical, without the key. */
  | { ok: false; reason: KeyTestReason; message: string; detail: string | null };

export interface Asked {
  /** The provider's name, as in sentences. */
  name: string;
  key: string;
  url: URL;
  listsModels: boolean;
  isOwnEndpoint: boolean;
  deadlineMs: number;
}

export function keyTestFailed(
  reason: KeyTestReason,
  message: string,
  detail: string | null = null,
): KeyTestResult {
  return { ok: false, reason, message, detail };
}

export function verdictOf(heard: Heard, asked: Asked): KeyTestResult {
  const { name, url } = asked;
  switch (heard.kind) {
    case "answer":
      return verdictOfAnswer(heard, asked);
    case "blocked":
      return keyTestFailed("blocked", heard.message);
    case "late":
      return keyTestFailed(
        "unreachable",
        `${name} did not answer within ${asked.deadlineMs / 1000} seconds. See whether it is up and can be reached from this server, then try again.`,
        `GET ${url.origin}: no answer in time`,
      );
    case "unreachable":
      return keyTestFailed(
        "unreachable",
        heard.message ??
          `The connection to ${url.host} broke before it answered. Check the address and its certificate; for a certificate authority of your own network set EXTRA_CA_FILE.`,
        redactText(heard.detail, asked.key),
      );
    case "not_http":
      return keyTestFailed("not_an_api", notAnApi(asked), redactText(heard.detail, asked.key));
  }
}

function verdictOfAnswer({ status, body }: Extract<Heard, { kind: "answer" }>, asked: Asked): KeyTestResult {
  const { name } = asked;
  const detail = detailOf(status, body, asked.key);
  if (status === 200) return verdictOfList(body, asked);
  if (status >= 300 && status < 400) {
    return keyTestFailed(
      "not_an_api",
      `${name} answered with a redirect, which keys never follow. ${asked.isOwnEndpoint ? "Store the key with the base URL that it leads to." : "See whether a proxy of your network stands in between."}`,
      detail,
    );
  }
  const refusedBadRequest = status === 400 && !asked.isOwnEndpoint;
  // Google and xAI say 400 to a wrong key; of our own question to them nothing else can be wrong.
  if (status === 401 || refusedBadRequest) {
    return keyTestFailed(
      "refused",
      `${name} does not accept this key. Copy it again from the provider's page, see there that it is still active, and store it anew.`,
      detail,
    );
  }
  if (status === 403) {
    return keyTestFailed(
      "refused",
      `${name} does not let this key ask for ${asked.listsModels ? "its models" : "its own account"}. Check the key's rights at the provider; with few of them it may still answer prompts.`,
      detail,
    );
  }
  if (status === 429) {
    return keyTestFailed(
      "rate_limited",
      `${name} gets too many requests with this key, or its quota is used up. Wait a minute, then test it again.`,
      detail,
    );
  }
  const isElsewhere = asked.isOwnEndpoint && status >= 400 && status < 500 && status !== 402;
  if (isElsewhere) return keyTestFailed("not_an_api", notAnApi(asked), detail);
  return keyTestFailed(
    "provider_error",
    `${name} answered with an error that is not the key's (status ${status}). Try again in a few minutes.`,
    detail,
  );
}

const list = z.union([
  z.object({ data: z.array(z.unknown()) }).transform(({ data }) => data.length),
  z.object({ models: z.array(z.unknown()) }).transform(({ models }) => models.length),
  z.array(z.unknown()).transform((models) => models.length),
]);

function verdictOfList(body: Body, asked: Asked): KeyTestResult {
  const detail = detailOf(200, body, asked.key);
  if ("unread" in body) {
    return keyTestFailed(
      "provider_error",
      `${asked.name} took the key, but its answer ${body.unread}. Sessions may fail the same way: look into the endpoint's settings, or try again later.`,
      detail,
    );
  }
  const json = parseJson(body.text);
  if (asked.listsModels) {
    const models = list.safeParse(json);
    if (models.success) return { ok: true, models: models.data };
  } else if (z.record(z.string(), z.unknown()).safeParse(json).success) {
    return { ok: true, models: null };
  }
  return keyTestFailed("not_an_api", notAnApi(asked), detail);
}

function notAnApi({ name, url, isOwnEndpoint }: Asked): string {
  return isOwnEndpoint
    ? `What answers at ${url.origin}${url.pathname} is not an OpenAI-compatible API. Check the base URL, which often ends in /v1, and store the key anew.`
    : `What answered for ${name} is not its API. See whether a proxy or filter of your network stands in between, then try again.`;
}

const MAX_QUOTE = 300;
/** So long a piece of a key would be of use to somebody. */
const TELLING_PIECE = 12;

const complaint = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z.object({ error: z.string() }).transform(({ error }) => error),
  z.object({ message: z.string() }).transform(({ message }) => message),
  z.object({ detail: z.string() }).transform(({ detail }) => detail),
]);

/** The status, and the provider's own words where they are in JSON and have nothing of the key in them. */
function detailOf(status: number, body: Body, key: string): string {
  if ("unread" in body) return `status ${status}; the answer ${body.unread}`;
  const words = complaint.safeParse(parseJson(body.text));
  const quote = words.success ? quotable(words.data, key) : null;
  return quote === null ? `status ${status}` : `status ${status}: ${quote}`;
}

/** @returns null when a piece of the key is left after redaction, or nothing at all */
function quotable(words: string, key: string): string | null {
  const quote = redactText(words, key)
    .replace(/\p{C}+/gu, " ")
    .trim()
    .slice(0, MAX_QUOTE);
  const piece = Math.min(TELLING_PIECE, key.length);
  for (let at = 0; at + piece <= key.length; at += 1) {
    if (quote.includes(key.slice(at, at + piece))) return null;
  }
  return quote === "" ? null : quote;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not JSON, so not what was asked for
  }
}
