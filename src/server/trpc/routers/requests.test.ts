import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { requests as requestRows } from "../../db/schema";
import { ingest } from "../../events/ingest";
import { serveTestApi, type Person, type TestApi } from "./test-api";

describe("requests.respond over the API", () => {
  let api: TestApi;
  let alice: Person;
  const sessionId = "ses_alices00000000";
  const row = () => api.t.db.select().from(requestRows).where(eq(requestRows.id, "req_1")).get();

  beforeEach(async () => {
    api = await serveTestApi();
    alice = await api.person("alice");
    api.t.addSession(sessionId, { ownerId: alice.userId });
    const data = { requestId: "req_1", kind: "permission", title: "Run `ls`", detail: "ls" };
    const event = { epoch: 1, n: 1, at: "2026-11-01T00:00:00.000Z", type: "request.opened", data } as const;
    ingest(api.log, sessionId, [event], (tx, id, body) => api.requests.onEvent(tx, id, body));
  });
  afterEach(() => api.close());

  it('takes the scope "session" for what "always" is without one', async () => {
    const answered = await alice.mutate("requests.respond", {
      id: "req_1",
      reply: "always",
      scope: "session",
    });
    expect(answered.data).toMatchObject({ id: "req_1", open: false, outcome: "always" });
    expect(row()?.answer).toEqual({ reply: "always" });
  });

  it.each([
    [
      "an answer for everyone",
      { reply: "always", scope: "everyone" },
      'An answer cannot count for everyone yet. Send the scope "session", or none: "always" then counts in this session.',
    ],
    [
      "patterns of one's own",
      { reply: "always", patterns: ["git *"] },
      'Patterns of your own cannot be set yet. Leave them out: "always" then allows what the request itself asks to allow.',
    ],
    [
      "another word",
      { reply: "yes" },
      'The field "input" is not right: send {id, reply: "once", "always" or "reject"} to a permission request, {id, answers} with a list of answers for each question to a question. Correct it and try again.',
    ],
    ["another scope", { reply: "always", scope: "world" }, 'send {id, reply: "once"'],
    ["a scope on answers", { answers: [], scope: "session" }, 'Unrecognized key: "scope"'],
    ["both forms at once", { reply: "once", answers: [] }, "send {id"],
  ])("refuses %s in a sentence, and keeps the request open", async (_, answer, message) => {
    const refused = await alice.mutate("requests.respond", { id: "req_1", ...answer });
    expect(refused).toMatchObject({ code: "BAD_REQUEST", reason: "bad_input" });
    expect(refused.message).toContain(message);
    expect(row()?.closedAt).toBeNull();
    expect((await alice.mutate("requests.respond", { id: "req_1", reply: "once" })).data).toMatchObject({
      outcome: "once",
    });
  });

  it("names the field that alone is wrong", async () => {
    const message = "x".repeat(10_001);
    expect(await alice.mutate("requests.respond", { id: "req_1", reply: "reject", message })).toMatchObject({
      reason: "bad_input",
      message: expect.stringContaining('The field "message" is not right') as string,
    });
  });
});
