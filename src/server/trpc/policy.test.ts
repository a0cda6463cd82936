import { TRPCError, type AnyTRPCProcedure } from "@trpc/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pino } from "pino";
import { z } from "zod";
import { roleAtLeast } from "../../roles";
import { openTestAccounts, type TestAccounts } from "../auth/test-accounts";
import type { Caller } from "../auth/caller";
import { ROLES, type Role } from "../db/schema";
import type { Services } from "../services";
import { appRouter } from "./app-router";
import { createCallerFactory, procedure, router, type PersonPolicy } from "./builders";
import { requireAllowed, SCOPES } from "./policy";

const policy = z.union([
  z.object({ kind: z.literal("open") }),
  z.object({
    kind: z.literal("person"),
    scope: z.enum(SCOPES),
    minRole: z.enum(ROLES).optional(),
    tokens: z.literal("refused").optional(),
  }),
]);
/** What strangers may call. A procedure that is opened is named here too. */
const OPEN = ["system.claim", "system.info"];

/** At run time the record is flat, by dotted path, whatever its type says. */
const flat = appRouter._def.procedures as unknown as Record<string, AnyTRPCProcedure>;
const procedures = Object.entries(flat).map(([path, { _def }]) => {
  const meta: unknown = _def.meta;
  return { path, policy: z.object({ policy }).parse(meta).policy };
});

function caller(role: Role, scopes?: readonly string[] | null): Caller {
  const via =
    scopes === undefined
      ? ({ kind: "browser", loginSessionId: "lgn_1" } as const)
      : ({ kind: "token", tokenId: "tok_1", scopes } as const);
  return { userId: "usr_1", email: "a@example.test", name: "a", role, via };
}

describe("every procedure of the router", () => {
  let t: TestAccounts;
  beforeEach(() => {
    t = openTestAccounts();
  });
  afterEach(() => t.close());

  async function refusal(path: string, who: Caller | null): Promise<TRPCError> {
    // A guard comes before everything else: nothing of the services is needed to say no.
    const services = { ...t } as unknown as Services;
    const ctx = { caller: who, services, requestId: "rq_1", ip: "::1", log: pino({ level: "silent" }) };
    const call = path
      .split(".")
      .reduce<unknown>((at, name) => Reflect.get(Object(at), name), createCallerFactory(appRouter)(ctx));
    if (typeof call !== "function") throw new Error(`${path} cannot be called`);
    const error: unknown = await Promise.resolve(Reflect.apply(call, undefined, [{}])).catch(
      (reason: unknown) => reason,
    );
    if (!(error instanceof TRPCError)) throw new Error(`${path} was not refused`);
    return error;
  }

  it("has a policy, and the open ones are known", () => {
    expect(
      procedures
        .filter(({ policy }) => policy.kind === "open")
        .map(({ path }) => path)
        .sort(),
    ).toEqual(OPEN);
  });

  it("refuses whoever is not signed in", async () => {
    for (const { path, policy } of procedures) {
      if (policy.kind === "person")
        expect(await refusal(path, null), path).toMatchObject({ code: "UNAUTHORIZED" });
    }
  });

  it("refuses a token without its scope, and any token where tokens are refused", async () => {
    for (const { path, policy } of procedures) {
      if (policy.kind === "open") continue;
      const others = SCOPES.filter((scope) => scope !== policy.scope);
      expect(await refusal(path, caller("owner", others)), path).toMatchObject({ code: "FORBIDDEN" });
      expect(await refusal(path, caller("owner", [])), path).toMatchObject({ code: "FORBIDDEN" });
      if (policy.tokens === "refused")
        expect(await refusal(path, caller("owner", null)), path).toMatchObject({ code: "FORBIDDEN" });
    }
  });

  it("refuses a viewer whatever changes sessions, and anybody below the least role", async () => {
    for (const { path, policy } of procedures) {
      if (policy.kind === "open") continue;
      const least = policy.minRole ?? (policy.scope === "sessions:write" ? "member" : "viewer");
      for (const role of ROLES.filter((role) => !roleAtLeast(role, least))) {
        expect(await refusal(path, caller(role)), `${path} as ${role}`).toMatchObject({ code: "FORBIDDEN" });
      }
    }
  });
});

describe("requireAllowed", () => {
  const allowed = (rule: Omit<PersonPolicy, "kind">, who: Caller) => {
    try {
      requireAllowed({ kind: "person", ...rule }, who);
      return true;
    } catch {
      // Saying no is the answer looked for.
      return false;
    }
  };

  it("lets each role do what is at or below it", () => {
    const table = (["owner", "admin", "member", "viewer"] as const).map((minRole) =>
      (["owner", "admin", "member", "viewer"] as const).map((role) =>
        allowed({ scope: "people", minRole }, caller(role)),
      ),
    );
    expect(table).toEqual([
      [true, false, false, false],
      [true, true, false, false],
      [true, true, true, false],
      [true, true, true, true],
    ]);
  });

  it("lets a token with the scope, or with all of them, do what its owner may and no more", () => {
    expect(allowed({ scope: "keys" }, caller("member", ["keys"]))).toBe(true);
    expect(allowed({ scope: "keys" }, caller("member", null))).toBe(true);
    expect(allowed({ scope: "keys" }, caller("member", ["account"]))).toBe(false);
    expect(allowed({ scope: "keys", minRole: "admin" }, caller("member", null))).toBe(false);
    expect(allowed({ scope: "keys", tokens: "refused" }, caller("owner", null))).toBe(false);
  });
});

describe("the builder", () => {
  it("runs the guard before the input is looked at", async () => {
    const guarded = router({
      act: procedure({ kind: "person", scope: "account" })
        .input(z.object({ n: z.number() }))
        .query(({ ctx }) => ctx.caller.userId),
    });
    const ctx = {
      caller: null,
      services: {} as Services,
      requestId: "rq_1",
      ip: "::1",
      log: pino({ level: "silent" }),
    };
    await expect(createCallerFactory(guarded)(ctx).act({ n: 1 })).rejects.toMatchObject({
      code: "UNAUTHORIZED",
    });
  });
});
