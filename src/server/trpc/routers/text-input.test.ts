import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Services } from "../../services";
import { appRouter } from "../app-router";
import { createCallerFactory } from "../builders";

/** No service is there: an input that is let through fails in another way. */
const api = createCallerFactory(appRouter)({
  caller: {
    userId: "usr_1",
    email: "o@example.test",
    name: "O",
    role: "owner",
    via: { kind: "browser", loginSessionId: "lgn_1" },
  },
  services: {} as Services,
  requestId: "rq_1",
  ip: "127.0.0.1",
  log: pino({ level: "silent" }),
});

const cut = "before\0after";
const prompt = { sessionId: "ses_1", text: "hello", key: "k" };
const endpoint = {
  providerId: "mine",
  key: "sk",
  scope: "me",
  baseUrl: "https://m.example.test/v1",
} as const;
const claim = { code: "AAAA-AAAA", name: "O", email: "o@example.test", password: "plum-tree-harbour" };
const attachment = { name: "a", mime: "image/png", dataUrl: "data:," };

describe("a text with U+0000", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["a session's title", async () => api.sessions.create({ title: cut })],
    ["a session's first prompt", async () => api.sessions.create({ prompt: cut })],
    ["a session's new title", async () => api.sessions.rename({ id: "ses_1", title: cut })],
    ["a prompt", () => api.prompts.send({ ...prompt, text: cut })],
    ["a prompt's key", () => api.prompts.send({ ...prompt, key: cut })],
    ["a prompt's effort", () => api.prompts.send({ ...prompt, effort: cut })],
    [
      "an attachment's name",
      () => api.prompts.send({ ...prompt, attachments: [{ ...attachment, name: cut }] }),
    ],
    ["a command", () => api.prompts.shell({ sessionId: "ses_1", command: cut, key: "k" })],
    ["a command's key", () => api.prompts.shell({ sessionId: "ses_1", command: "ls", key: cut })],
    ["a reason", () => api.requests.respond({ id: "req_1", reply: "reject", message: cut })],
    ["an answer", () => api.requests.respond({ id: "req_1", answers: [[cut]] })],
    ["a provider's name", async () => api.keys.upsert({ ...endpoint, models: ["m"], name: cut })],
    ["a base URL", async () => api.keys.upsert({ ...endpoint, models: ["m"], baseUrl: `https://a/${cut}` })],
    ["a model", async () => api.keys.upsert({ ...endpoint, models: [cut] })],
    ["a token's name", async () => api.account.tokens.create({ name: cut })],
    ["a person's name", async () => api.account.update({ name: cut })],
    ["the first owner's name", () => api.system.claim({ ...claim, name: cut })],
  ])("is refused as %s", async (_what, call) => {
    const failure: unknown = await call().catch((error: unknown) => error);
    const cause = failure instanceof Error ? failure.cause : null;
    if (!(cause instanceof z.ZodError)) throw new Error("It was let through.", { cause: failure });
    expect(JSON.stringify(cause.issues)).toContain("U+0000");
  });
});
