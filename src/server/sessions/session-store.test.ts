import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eq } from "drizzle-orm";
import type { Caller } from "../auth/caller";
import { sessions, users } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { AppError } from "../errors";
import { listSessions, mayAccess, mayStill, requireSession } from "./session-store";

const person = (userId: string, role: Caller["role"] = "member"): Caller => ({
  userId,
  email: `${userId}@example.test`,
  name: userId,
  role,
  via: { kind: "browser", loginSessionId: "lgn_1" },
});

describe("access to sessions", () => {
  let t: TestDatabase;
  beforeEach(() => {
    t = testDatabase();
  });
  afterEach(() => t[Symbol.dispose]());

  const refusal = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      if (error instanceof AppError) return { code: error.code, message: error.message };
      throw error;
    }
    return null;
  };

  it("answers missing and forbidden alike", () => {
    const bob = person("usr_bob");
    const forbidden = refusal(() => requireSession(t.db, bob, { id: t.sessionId, access: "read" }));
    const missing = refusal(() => requireSession(t.db, bob, { id: "ses_none", access: "read" }));
    expect(forbidden).toMatchObject({ code: "NOT_FOUND" });
    expect(forbidden).toEqual(missing);
  });

  it("gives the team what the visibility says and no more", () => {
    const bob = person("usr_bob");
    const row = { ownerId: t.userId };
    expect(mayAccess(bob, { ...row, visibility: "team-read" }, "read")).toBe(true);
    expect(mayAccess(bob, { ...row, visibility: "team-read" }, "write")).toBe(false);
    expect(mayAccess(bob, { ...row, visibility: "team-write" }, "write")).toBe(true);
    expect(mayAccess(person("usr_carol", "admin"), { ...row, visibility: "private" }, "read")).toBe(false);
  });

  it("never lets a viewer write, their own sessions included", () => {
    expect(
      mayAccess(person(t.userId, "viewer"), { ownerId: t.userId, visibility: "team-write" }, "write"),
    ).toBe(false);
  });

  it("leaves to its owner who sees the session, whatever the others may do and are", () => {
    const open = { ownerId: t.userId, visibility: "team-write" } as const;
    expect(mayAccess(person(t.userId), open, "own")).toBe(true);
    expect(mayAccess(person(t.userId, "viewer"), open, "own")).toBe(false);
    for (const role of ["member", "admin", "owner"] as const)
      expect(mayAccess(person("usr_bob", role), open, "own")).toBe(false);
  });

  it("asks for a person and a session as they are now, for what stays open", () => {
    const may = (access: "read" | "write" = "write") =>
      mayStill(t.db, { userId: "usr_bob", id: t.sessionId, access });
    const bob = { email: "b@example.test", name: "Bob", passwordHash: "-", createdAt: "2026-11-01" };
    const set = (change: Partial<typeof users.$inferInsert>) =>
      t.db.update(users).set(change).where(eq(users.id, "usr_bob")).run();
    t.db.update(sessions).set({ visibility: "team-write" }).run();
    expect(may()).toBe(false);
    t.db
      .insert(users)
      .values({ id: "usr_bob", role: "member", ...bob })
      .run();
    expect(may()).toBe(true);
    set({ role: "viewer" });
    expect([may("write"), may("read")]).toEqual([false, true]);
    set({ role: "member", disabledAt: "2026-11-02" });
    expect(may("read")).toBe(false);
    set({ disabledAt: null });
    t.db.update(sessions).set({ visibility: "private" }).run();
    expect(may("read")).toBe(false);
    t.db.delete(sessions).run();
    expect(mayStill(t.db, { userId: t.userId, id: t.sessionId, access: "read" })).toBe(false);
  });

  it("lists every visible session once over its pages, and no other's private ones", () => {
    const ids = Array.from({ length: 7 }, (_, i) => `ses_page${i}0000000`);
    ids.forEach((id, i) =>
      t.addSession(id, { createdAt: new Date(Date.UTC(2026, 0, 1 + Math.floor(i / 2))).toISOString() }),
    );
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = listSessions(t.db, person(t.userId), { cursor, limit: 3, archived: false });
      seen.push(...page.items.map((s) => s.id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor);
    expect(seen.toSorted()).toEqual([...ids, t.sessionId].toSorted());
    expect(listSessions(t.db, person("usr_bob"), { limit: 50, archived: false }).items).toEqual([]);
  });
});
