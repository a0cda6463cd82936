import { convexTest } from "convex-test";
import { beforeEach, describe, expect, it } from "vitest";
import { api } from "./_generated/api";
import schema from "./schema";

const modules = {
  "./_generated/api.js": () => import("./_generated/api.js"),
  "./mirror.ts": () => import("./mirror"),
  "./people.ts": () => import("./people"),
  "./requests.ts": () => import("./requests"),
  "./sessionEvents.ts": () => import("./sessionEvents"),
  "./sessions.ts": () => import("./sessions"),
};

const AT = "2026-11-25T00:00:00.000Z";
const LATER = "2026-11-25T00:00:01.000Z";
const EMPTY = {
  people: [],
  sessions: [],
  events: [],
  requests: [],
  closedRequests: [],
  reads: [],
  removed: [],
};

const person = (personId: string, over: { disabled?: boolean; epoch?: number } = {}) => ({
  personId,
  name: personId.toUpperCase(),
  disabled: false,
  epoch: 1,
  ...over,
});
const session = (
  sessionId: string,
  over: { visibility?: "private" | "team-read"; activityAt?: string } = {},
) => ({
  sessionId,
  ownerId: "alice",
  visibility: "private" as const,
  archived: false,
  needsInput: true,
  activityAt: AT,
  lastSeq: 3,
  data: JSON.stringify({ id: sessionId }),
  ...over,
});
const event = (sessionId: string, seq: number) => ({ sessionId, seq, at: AT, type: "error", data: "{}" });
const request = (requestId: string, sessionId: string, openedAt = AT) => ({
  requestId,
  sessionId,
  openedAt,
  data: "{}",
});
const reason = (reason: string) =>
  expect.objectContaining({ data: expect.objectContaining({ reason }) as unknown }) as unknown;

describe("the mirror's functions", () => {
  let t: ReturnType<typeof convexTest<typeof schema.tables>>;
  beforeEach(() => {
    t = convexTest<typeof schema.tables>(schema, modules);
  });
  const server = () => t.withIdentity({ subject: "openagent-server", role: "server" });
  const as = (personId: string, epoch = 1) => t.withIdentity({ subject: personId, epoch });
  const push = (over: Partial<Parameters<typeof batch>[0]>) =>
    server().mutation(api.mirror.push, batch(over));
  const windowOf = (who: ReturnType<typeof as>, sessionId: string, afterSeq = 0) =>
    who.query(api.sessionEvents.window, { sessionId, afterSeq, limit: 100 });

  describe("for who may not", () => {
    beforeEach(async () => {
      await push({
        people: [person("alice"), person("bob"), person("eve", { disabled: true })],
        sessions: [session("private"), session("shared", { visibility: "team-read" })],
        events: [event("private", 1), event("shared", 1)],
        requests: [request("req_1", "private"), request("req_2", "shared")],
      });
    });

    it.each([
      ["nobody", () => t],
      ["a person", () => as("alice")],
      ["a person who says to be the server", () => t.withIdentity({ subject: "alice", role: "server" })],
      ["one who has the server's name alone", () => t.withIdentity({ subject: "openagent-server" })],
    ])("refuse to write for %s", async (_, who) => {
      await expect(who().mutation(api.mirror.push, batch({}))).rejects.toEqual(reason("not_server"));
      await expect(who().mutation(api.mirror.letGo, { sessionId: "private", upToSeq: 9 })).rejects.toEqual(
        reason("not_server"),
      );
      await expect(who().query(api.mirror.position, { sessionId: "private" })).rejects.toEqual(
        reason("not_server"),
      );
      await expect(who().query(api.mirror.sessionIds, { after: "" })).rejects.toEqual(reason("not_server"));
      await expect(who().query(api.mirror.events, { sessionId: "private", afterSeq: 0 })).rejects.toEqual(
        reason("not_server"),
      );
    });

    it.each([
      ["nobody", () => t],
      ["the server itself", () => server()],
      ["a stranger", () => as("mallory")],
      ["who is disabled", () => as("eve")],
      ["a token of an earlier epoch", () => as("alice", 0)],
    ])("show nothing to %s", async (_, who) => {
      const reads = [
        () => who().query(api.sessions.list, { archived: false }),
        () => who().query(api.sessions.get, { sessionId: "shared" }),
        () => who().query(api.sessionEvents.window, { sessionId: "shared", afterSeq: 0, limit: 100 }),
        () => who().query(api.requests.open, {}),
        () => who().query(api.people.names, {}),
      ];
      for (const read of reads) await expect(read()).rejects.toEqual(reason("signed_out"));
    });

    it("show another's private session like one that is missing", async () => {
      for (const sessionId of ["private", "missing"]) {
        await expect(windowOf(as("bob"), sessionId)).rejects.toEqual(reason("not_found"));
        expect(await as("bob").query(api.sessions.get, { sessionId })).toBeNull();
      }
      const listed = await as("bob").query(api.sessions.list, { archived: false });
      expect(listed.map(({ sessionId }) => sessionId)).toEqual(["shared"]);
      const open = await as("bob").query(api.requests.open, {});
      expect(open.map(({ requestId }) => requestId)).toEqual(["req_2"]);
    });

    it("show the owner both, and who is who", async () => {
      expect(await windowOf(as("alice"), "private")).toHaveLength(1);
      expect(await windowOf(as("bob"), "shared")).toHaveLength(1);
      expect(await as("alice").query(api.sessions.list, { archived: false })).toHaveLength(2);
      expect(await as("alice").query(api.people.names, {})).toContainEqual({ id: "bob", name: "BOB" });
    });
  });

  describe("for the server", () => {
    beforeEach(async () => {
      await push({ people: [person("alice")], sessions: [session("a")] });
    });

    it("append what is new, once, and say from where to send when events are missing", async () => {
      await push({ events: [event("a", 5), event("a", 6)] });
      await push({ events: [event("a", 5), event("a", 6), event("a", 7)] });
      expect((await windowOf(as("alice"), "a")).map(({ seq }) => seq)).toEqual([5, 6, 7]);
      const gap = expect.objectContaining({ data: { reason: "gap", sessionId: "a", lastSeq: 7 } }) as unknown;
      await expect(push({ events: [event("a", 9)] })).rejects.toEqual(gap);
      expect(await server().query(api.mirror.position, { sessionId: "a" })).toBe(7);
    });

    it("keep the newest thousand events, and give a hundred at a time", async () => {
      for (let from = 1; from <= 1201; from += 400) {
        await push({ events: Array.from({ length: 400 }, (_, i) => event("a", from + i)) });
      }
      const first = await windowOf(as("alice"), "a");
      expect(first.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, i) => 601 + i));
      expect((await windowOf(as("alice"), "a", 1590)).map(({ seq }) => seq).at(-1)).toBe(1600);
    });

    it("take more old events away than come in, when there are too many", async () => {
      await t.run(async (ctx) => {
        for (let seq = 1; seq <= 1300; seq += 1) await ctx.db.insert("sessionEvents", event("a", seq));
      });
      const oldest = async () => (await windowOf(as("alice"), "a"))[0]?.seq;
      await push({ events: [event("a", 1301), event("a", 1302)] });
      expect(await oldest()).toBe(5);
      await push({ events: [event("a", 1302)] });
      expect(await oldest()).toBe(5);
    });

    it("list the sessions that are here, in order, after one", async () => {
      await push({ sessions: [session("c"), session("b")] });
      expect(await server().query(api.mirror.sessionIds, { after: "" })).toEqual(["a", "b", "c"]);
      expect(await server().query(api.mirror.sessionIds, { after: "b" })).toEqual(["c"]);
      expect(await server().query(api.mirror.sessionIds, { after: "c" })).toEqual([]);
    });

    it("rename a person and end their access, by one row each", async () => {
      await push({ people: [{ ...person("alice"), name: "Alice" }] });
      expect(await as("alice").query(api.people.names, {})).toEqual([{ id: "alice", name: "Alice" }]);
      await push({ people: [person("alice", { epoch: 2 })] });
      await expect(as("alice").query(api.people.names, {})).rejects.toEqual(reason("signed_out"));
      expect(await as("alice", 2).query(api.people.names, {})).toHaveLength(1);
      expect(await t.run((ctx) => ctx.db.query("people").collect())).toHaveLength(1);
    });

    it("replace rows, and mark a session read as far as it was", async () => {
      await push({ sessions: [session("b", { activityAt: LATER })] });
      await push({ reads: [{ personId: "alice", sessionId: "a", seq: 2 }] });
      const unread = async () =>
        (await as("alice").query(api.sessions.list, { archived: false })).map((row) => [
          row.sessionId,
          row.unread,
        ]);
      expect(await unread()).toEqual([
        ["b", true],
        ["a", true],
      ]);
      await push({ reads: [{ personId: "alice", sessionId: "a", seq: 3 }], sessions: [session("a")] });
      expect(await unread()).toEqual([
        ["b", true],
        ["a", false],
      ]);
    });

    it("list open requests, oldest first, until they are closed", async () => {
      await push({ requests: [request("late", "a", LATER), request("early", "a")] });
      const open = async () => (await as("alice").query(api.requests.open, {})).map((row) => row.requestId);
      expect(await open()).toEqual(["early", "late"]);
      await push({ closedRequests: ["early", "never heard of"] });
      expect(await open()).toEqual(["late"]);
    });

    it("take all of a removed session away, and let one begin afresh in the same batch", async () => {
      await push({
        events: [event("a", 1)],
        requests: [request("req_1", "a")],
        reads: [{ personId: "alice", sessionId: "a", seq: 3 }],
      });
      await push({ removed: ["a"] });
      const left = await t.run(async (ctx) =>
        Promise.all(
          (["sessions", "sessionEvents", "requests", "reads"] as const).map(
            async (table) => (await ctx.db.query(table).collect()).length,
          ),
        ),
      );
      expect(left).toEqual([0, 0, 0, 0]);
      await push({ removed: ["a"], sessions: [session("a")], events: [event("a", 1)] });
      expect(await windowOf(as("alice"), "a")).toHaveLength(1);
    });

    it("take away in pieces what is too large for one transaction, and put nothing before it is gone", async () => {
      const large = (seq: number) => ({ ...event("a", seq), data: "x".repeat(300_000) });
      for (let from = 1; from <= 20; from += 5) {
        await push({ events: Array.from({ length: 5 }, (_, i) => large(from + i)) });
      }
      const afresh = {
        removed: ["a"],
        sessions: [session("a", { activityAt: LATER })],
        events: [event("a", 1)],
      };
      const answers = [];
      do answers.push(await push(afresh));
      while (answers.at(-1) === "again" && answers.length < 20);
      expect(answers.length).toBeGreaterThan(1);
      expect(answers.at(-1)).toBe("done");
      expect(await windowOf(as("alice"), "a")).toMatchObject([{ seq: 1, data: "{}" }]);
    });
  });
});

function batch(over: {
  people?: ReturnType<typeof person>[];
  sessions?: ReturnType<typeof session>[];
  events?: ReturnType<typeof event>[];
  requests?: ReturnType<typeof request>[];
  closedRequests?: string[];
  reads?: { personId: string; sessionId: string; seq: number }[];
  removed?: string[];
}) {
  return { ...EMPTY, ...over };
}
