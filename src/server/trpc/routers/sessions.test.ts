import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { reads, sessions } from "../../db/schema";
import { serveTestApi, type Person, type TestApi } from "./test-api";

const page = z.object({ items: z.array(z.object({ id: z.string() })) });

const titled = z.object({
  items: z.array(z.object({ title: z.string() })),
  nextCursor: z.string().nullable(),
});

describe("sessions over the API", () => {
  let api: TestApi;
  let alice: Person;
  let bob: Person;
  const id = "ses_alices00000000";
  const stateOf = (sessionId = id) =>
    api.t.db.select().from(sessions).where(eq(sessions.id, sessionId)).get();
  const updates = () =>
    api.log.read(id, 0).flatMap((event) => (event.type === "session.updated" ? [event.data] : []));
  const missing = { code: "NOT_FOUND", reason: "not_found" };

  beforeEach(async () => {
    api = await serveTestApi();
    [alice, bob] = [await api.person("alice"), await api.person("bob")];
    api.t.addSession(id, { ownerId: alice.userId });
  });
  afterEach(() => api.close());

  /** Reads until `text` has come, or to the end. */
  async function readUntil(reader: ReadableStreamDefaultReader<string>, text: string): Promise<string> {
    let seen = "";
    while (!seen.includes(text)) {
      const { done, value } = await reader.read();
      if (done) break;
      seen += value;
    }
    return seen;
  }
  const rename = (title: string) => alice.mutate("sessions.rename", { id, title });
  /** The agent has a word. */
  const happens = () =>
    api.log.transaction((tx) => tx.append(id, { type: "todo.updated", data: { todos: [] } }));

  describe("share", () => {
    it("opens a session to the team and says so in the log, once", async () => {
      expect(await bob.query("sessions.get", { id })).toMatchObject(missing);
      expect((await alice.mutate("sessions.share", { id, visibility: "team-read" })).data).toMatchObject({
        id,
        visibility: "team-read",
      });
      await alice.mutate("sessions.share", { id, visibility: "team-read" });
      expect(updates()).toEqual([{ visibility: "team-read" }]);
      expect((await bob.query("sessions.get", { id })).data).toMatchObject({ visibility: "team-read" });
      expect(await bob.mutate("sessions.rename", { id, title: "mine" })).toMatchObject(missing);
      await alice.mutate("sessions.share", { id, visibility: "team-write" });
      expect((await bob.mutate("sessions.rename", { id, title: "ours" })).data).toMatchObject({
        title: "ours",
      });
    });

    it("is its owner's alone: whoever writes there, and whoever runs the installation, gets what a stranger gets", async () => {
      const others = [bob, await api.person("carol", "admin"), await api.person("olga", "owner")];
      const onlyOwner = "Only the session's owner may do that. Ask them to.";
      const nowhere = await bob.mutate("sessions.share", { id: "ses_none", visibility: "private" });
      expect(nowhere).toMatchObject(missing);
      for (const visibility of ["private", "team-read", "team-write"] as const) {
        await alice.mutate("sessions.share", { id, visibility });
        const seq = stateOf()?.lastSeq;
        for (const who of others) {
          for (const wanted of ["private", "team-read", "team-write"])
            expect(await who.mutate("sessions.share", { id, visibility: wanted })).toEqual(
              visibility === "private" ? nowhere : { ...nowhere, message: onlyOwner },
            );
        }
        expect(stateOf()).toMatchObject({ visibility, lastSeq: seq });
      }
    });

    it("ends a stranger's stream when the session is made private, without a word more; the owner's goes on", async () => {
      await alice.mutate("sessions.share", { id, visibility: "team-read" });
      const [hers, his] = [await alice.events(id), await bob.events(id)];
      await rename("before");
      await readUntil(his, "before");
      await readUntil(hers, "before");
      await alice.mutate("sessions.share", { id, visibility: "private" });
      await rename("secret");
      const rest = await readUntil(his, "secret");
      expect(rest).not.toContain("secret");
      expect(rest).not.toContain("private");
      expect((await his.read()).done).toBe(true);
      expect(await bob.query("sessions.get", { id })).toMatchObject(missing);
      expect(await readUntil(hers, "secret")).toContain("secret");
      await hers.cancel();
    });

    it("has open terminals looked at again", async () => {
      await alice.mutate("sessions.share", { id, visibility: "team-write" });
      await bob.mutate("sessions.share", { id, visibility: "private" });
      expect(api.rechecked).toEqual([id]);
    });

    it("refuses a visibility that there is not", async () => {
      expect(await alice.mutate("sessions.share", { id, visibility: "public" })).toMatchObject({
        reason: "bad_input",
      });
    });
  });

  describe("when nobody uses it", () => {
    it("is set by who may write there, and refused to everybody else", async () => {
      const set = (person: Person, minutes: unknown) =>
        person.mutate("sessions.setIdleStop", { id, minutes });
      expect((await set(alice, 240)).data).toMatchObject({ idleStopMinutes: 240 });
      await alice.mutate("sessions.share", { id, visibility: "team-read" });
      expect(await set(bob, 1)).toMatchObject(missing);
      expect(await set(alice, -1)).toMatchObject({ reason: "bad_input" });
      expect(await set(alice, 20_000)).toMatchObject({ reason: "bad_input" });
      expect(stateOf()?.idleStopMinutes).toBe(240);
      expect((await set(alice, null)).data).toMatchObject({ idleStopMinutes: null });
    });

    it("counts who says that they look, if they may", async () => {
      expect(await bob.mutate("sessions.watch", { id })).toMatchObject(missing);
      expect(api.seen).toEqual([]);
      expect((await alice.mutate("sessions.watch", { id })).data).toMatchObject({ id });
      expect(api.seen).toEqual([id]);
    });

    it("has a limit for all that admins set and everybody may know", async () => {
      const root = await api.person("root", "admin");
      expect((await bob.query("settings.get", {})).data).toEqual({ idleStopMinutes: 15 });
      expect(await bob.mutate("settings.set", { idleStopMinutes: 0 })).toMatchObject({
        reason: "not_allowed",
      });
      expect(await root.mutate("settings.set", { idleStopMinutes: "5" })).toMatchObject({
        reason: "bad_input",
      });
      expect(await root.mutate("settings.set", { nothing: 5 })).toMatchObject({ reason: "bad_input" });
      expect((await root.mutate("settings.set", { idleStopMinutes: 60 })).data).toEqual({
        idleStopMinutes: 60,
      });
      expect((await bob.query("settings.get", {})).data).toEqual({ idleStopMinutes: 60 });
    });
  });

  describe("archive", () => {
    it.each(["creating", "active", "idle"] as const)("refuses a session that is %s", async (status) => {
      api.t.db.update(sessions).set({ status }).where(eq(sessions.id, id)).run();
      expect(await alice.mutate("sessions.archive", { id })).toEqual({
        code: "CONFLICT",
        reason: "session_busy",
        message: "The session runs, or is about to. Stop it first, then archive it.",
      });
      expect(stateOf()?.archivedAt).toBeNull();
    });

    it.each(["stopped", "error"] as const)("puts away what is %s, and takes it out again", async (status) => {
      api.t.db.update(sessions).set({ status }).where(eq(sessions.id, id)).run();
      const ids = async (archived?: boolean) =>
        page.parse((await alice.query("sessions.list", { archived })).data).items.map((item) => item.id);
      expect((await alice.mutate("sessions.archive", { id })).data).toMatchObject({ archived: true });
      await alice.mutate("sessions.archive", { id, archived: true });
      expect([await ids(), await ids(true)]).toEqual([[], [id]]);
      expect((await alice.mutate("sessions.archive", { id, archived: false })).data).toMatchObject({
        archived: false,
      });
      expect([await ids(), await ids(true)]).toEqual([[id], []]);
      expect(updates()).toEqual([{ archived: true }, { archived: false }]);
    });

    it("needs the right to write", async () => {
      const victor = await api.person("victor", "viewer");
      api.t.db
        .update(sessions)
        .set({ status: "stopped", visibility: "team-read" })
        .where(eq(sessions.id, id))
        .run();
      expect(await bob.mutate("sessions.archive", { id })).toMatchObject(missing);
      expect(await victor.mutate("sessions.archive", { id })).toMatchObject({ reason: "not_allowed" });
      await alice.mutate("sessions.share", { id, visibility: "team-write" });
      expect((await bob.mutate("sessions.archive", { id })).data).toMatchObject({ archived: true });
    });
  });

  describe("list with a search", () => {
    const titlesOf = async (who: Person, input: Record<string, unknown>) => {
      const { data } = await who.query("sessions.list", input);
      return titled.parse(data);
    };
    const add = (n: number, title: string, over: { archivedAt?: string } = {}) =>
      api.t.addSession(`ses_${String(n).padStart(16, "0")}`, {
        ownerId: alice.userId,
        title,
        createdAt: new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(),
        ...over,
      });

    it("finds part of a title in any case and any script, and takes it by the letter", async () => {
      ["Fix LOGIN", "Größe ÄNDERN", "100% done", "1000 done", "שלום"].forEach((title, n) => add(n, title));
      const found = async (search: string) => (await titlesOf(alice, { search })).items.map((s) => s.title);
      expect(await found("login")).toEqual(["Fix LOGIN"]);
      expect(await found("ändern")).toEqual(["Größe ÄNDERN"]);
      expect(await found("a\u0308ndern")).toEqual(["Größe ÄNDERN"]);
      expect(await found("100%")).toEqual(["100% done"]);
      expect(await found("שלום")).toEqual(["שלום"]);
      expect(await found("nowhere")).toEqual([]);
      expect(await found("  ")).toHaveLength(6);
    });

    it("reaches what lies far behind, page by page", async () => {
      for (let n = 0; n < 520; n += 1) add(n, n % 500 === 0 ? `needle ${n}` : `hay ${n}`);
      const first = await titlesOf(alice, { search: "needle", limit: 1 });
      expect(first.items.map((s) => s.title)).toEqual(["needle 500"]);
      const second = await titlesOf(alice, { search: "needle", limit: 1, cursor: first.nextCursor });
      expect(second).toEqual({ items: [{ title: "needle 0" }], nextCursor: null });
    });

    it("searches the archive or the others, and nothing of other people's", async () => {
      add(1, "secret plan");
      add(2, "secret past", { archivedAt: new Date().toISOString() });
      const search = "secret";
      expect((await titlesOf(alice, { search })).items).toEqual([{ title: "secret plan" }]);
      expect((await titlesOf(alice, { search, archived: true })).items).toEqual([{ title: "secret past" }]);
      expect((await titlesOf(bob, { search })).items).toEqual([]);
    });
  });

  describe("markRead", () => {
    it("counts for the caller alone, a viewer too, and until something happens", async () => {
      const victor = await api.person("victor", "viewer");
      happens();
      await alice.mutate("sessions.share", { id, visibility: "team-read" });
      const seq = stateOf()?.lastSeq;
      expect((await victor.mutate("sessions.markRead", { id })).data).toMatchObject({ unread: false });
      expect((await victor.query("sessions.get", { id })).data).toMatchObject({ unread: false });
      expect((await alice.query("sessions.get", { id })).data).toMatchObject({ unread: true });
      expect(stateOf()?.lastSeq).toBe(seq);
      await rename("two");
      expect((await victor.query("sessions.get", { id })).data).toMatchObject({ unread: true });
      expect((await victor.mutate("sessions.markRead", { id })).data).toMatchObject({ unread: false });
    });

    it("stays for whoever makes a change themselves, and only for them", async () => {
      const bobs = async () => (await bob.query("sessions.get", { id })).data?.["unread"];
      const alices = async () => (await alice.query("sessions.get", { id })).data?.["unread"];
      happens();
      await alice.mutate("sessions.share", { id, visibility: "team-read" });
      expect(await alices()).toBe(true);
      await alice.mutate("sessions.markRead", { id });
      await bob.mutate("sessions.markRead", { id });
      expect((await rename("read before")).data).toMatchObject({ unread: false });
      expect((await alice.mutate("sessions.share", { id, visibility: "team-write" })).data).toMatchObject({
        unread: false,
      });
      expect([await alices(), await bobs()]).toEqual([false, true]);
      await bob.mutate("sessions.rename", { id, title: "somebody else's" });
      expect([await alices(), await bobs()]).toEqual([true, true]);
    });

    it("is refused to strangers, and leaves no row of theirs", async () => {
      expect(await bob.mutate("sessions.markRead", { id })).toMatchObject(missing);
      expect(api.t.db.select().from(reads).all()).toEqual([]);
    });
  });
});
