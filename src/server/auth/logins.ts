import { and, desc, eq, gt, isNull, ne } from "drizzle-orm";
import ipaddr from "ipaddr.js";
import { isoNow, type Clock } from "../clock";
import type { Database, Store } from "../db/database";
import { loginSessions, users } from "../db/schema";
import { AppError, notFound } from "../errors";
import { newId } from "../ids";
import { raiseEpoch } from "../people/epoch";
import type { Caller } from "./caller";
import { LOGIN_SESSION_SECONDS } from "./login-lifetime";
import { verifyPassword } from "./passwords";
import { LOGIN_TRIES, SHARED_ADDRESS_TRIES, Throttle } from "./throttle";

/** A signed-in browser as its person sees it. */
export interface Device {
  id: string;
  userAgent: string;
  createdAt: string;
  expiresAt: string;
}

/** Signed-in browsers. */
export interface Logins {
  /**
   * Makes a login session. An unknown e-mail address gets the same answer after the same time as a wrong password.
   * @throws AppError `wrong_credentials`, or `throttled` after 10 tries in 15 minutes of one account or one address (100
   *   where the address is this machine's own).
   */
  signIn(opts: {
    email: string;
    password: string;
    ip: string;
    userAgent: string;
  }): Promise<{ loginSessionId: string }>;
  /** @returns null when the session is revoked, over or unknown, or its person disabled */
  resolve(loginSessionId: string): Caller | null;
  /** Fine when it is revoked already. */
  revoke(loginSessionId: string): void;
  /** The browsers in which a person is signed in, newest first. */
  devicesOf(userId: string): Device[];
  /** @throws AppError `not_found` when it is not this person's, or not signed in */
  revokeDevice(opts: { userId: string; id: string }): void;
  /** @param opts.except a login session that stays. @returns how many browsers were signed out */
  revokeAllOf(userId: string, opts?: { except?: string | undefined }): number;
}

export function createLogins(deps: { db: Database; clock: Clock }): Logins {
  const { db, clock } = deps;
  const byAccount = new Throttle(clock, LOGIN_TRIES);
  const byIp = new Throttle(clock, LOGIN_TRIES);
  const byLoopback = new Throttle(clock, SHARED_ADDRESS_TRIES);
  return {
    async signIn({ email, password, ip, userAgent }) {
      const account = email.trim().toLowerCase();
      const byAddress = isLoopback(ip) ? byLoopback : byIp;
      byAddress.take(ip);
      const user = db.select().from(users).where(eq(users.email, account)).get();
      // A new password is a new count: who was locked out and given one gets in at once.
      const tried = `${account} ${user?.passwordHash ?? ""}`;
      byAccount.take(tried);
      const right = await verifyPassword(user?.passwordHash ?? null, password);
      if (!right || user === undefined || user.disabledAt !== null) throw wrongCredentials();
      const loginSessionId = insertLogin(deps, { user, userAgent });
      byAddress.refund(ip);
      byAccount.refund(tried);
      return { loginSessionId };
    },
    resolve: (loginSessionId) => resolveLogin(deps, loginSessionId),
    revoke(loginSessionId) {
      db.transaction((tx) => {
        const ended = tx
          .update(loginSessions)
          .set({ revokedAt: isoNow(clock) })
          .where(and(eq(loginSessions.id, loginSessionId), isNull(loginSessions.revokedAt)))
          .returning({ userId: loginSessions.userId })
          .get();
        if (ended) raiseEpoch(tx, ended.userId);
      });
    },
    devicesOf: (userId) =>
      db
        .select({
          id: loginSessions.id,
          userAgent: loginSessions.userAgent,
          createdAt: loginSessions.createdAt,
          expiresAt: loginSessions.expiresAt,
        })
        .from(loginSessions)
        .where(signedIn(userId, isoNow(clock)))
        .orderBy(desc(loginSessions.createdAt))
        .all(),
    revokeDevice({ userId, id }) {
      const now = isoNow(clock);
      db.transaction((tx) => {
        const { changes } = tx
          .update(loginSessions)
          .set({ revokedAt: now })
          .where(and(eq(loginSessions.id, id), signedIn(userId, now)))
          .run();
        if (changes === 0) throw notFound("browser");
        raiseEpoch(tx, userId);
      });
    },
    revokeAllOf(userId, { except } = {}) {
      const others = except === undefined ? undefined : ne(loginSessions.id, except);
      return db.transaction((tx) => {
        raiseEpoch(tx, userId);
        return tx
          .update(loginSessions)
          .set({ revokedAt: isoNow(clock) })
          .where(and(eq(loginSessions.userId, userId), isNull(loginSessions.revokedAt), others))
          .run().changes;
      });
    },
  };
}

function isLoopback(ip: string): boolean {
  return ipaddr.isValid(ip) && ipaddr.process(ip).range() === "loopback";
}

function signedIn(userId: string, now: string) {
  return and(
    eq(loginSessions.userId, userId),
    isNull(loginSessions.revokedAt),
    gt(loginSessions.expiresAt, now),
  );
}

/**
 * Verifying takes a while, in which the person may have got another password, which signs out all browsers of the old one, or
 * have been disabled. The command line does so from another process: the transaction locks before it reads.
 * @param opts.user as it was when the password was verified
 * @throws AppError `wrong_credentials`
 */
function insertLogin(
  { db, clock }: { db: Database; clock: Clock },
  opts: { user: { id: string; passwordHash: string }; userAgent: string },
): string {
  return db.transaction(
    (tx) => {
      const now = tx.select().from(users).where(eq(users.id, opts.user.id)).get();
      if (now?.passwordHash !== opts.user.passwordHash || now.disabledAt !== null) throw wrongCredentials();
      return addLogin(tx, { userId: now.id, userAgent: opts.userAgent, clock });
    },
    { behavior: "immediate" },
  );
}

/** For whoever has found out who it is. @returns the login session's id */
export function addLogin(tx: Store, opts: { userId: string; userAgent: string; clock: Clock }): string {
  const id = newId("lgn");
  tx.insert(loginSessions)
    .values({
      id,
      userId: opts.userId,
      createdAt: isoNow(opts.clock),
      expiresAt: new Date(opts.clock.now() + LOGIN_SESSION_SECONDS * 1000).toISOString(),
      userAgent: opts.userAgent.slice(0, 300),
    })
    .run();
  return id;
}

function resolveLogin(deps: { db: Database; clock: Clock }, loginSessionId: string): Caller | null {
  const row = deps.db
    .select({ login: loginSessions, user: users })
    .from(loginSessions)
    .innerJoin(users, eq(loginSessions.userId, users.id))
    .where(eq(loginSessions.id, loginSessionId))
    .get();
  if (row === undefined || row.login.revokedAt !== null || row.user.disabledAt !== null) return null;
  if (Date.parse(row.login.expiresAt) <= deps.clock.now()) return null;
  return {
    userId: row.user.id,
    email: row.user.email,
    name: row.user.name,
    role: row.user.role,
    via: { kind: "browser", loginSessionId },
  };
}

function wrongCredentials(): AppError {
  return new AppError(
    "UNAUTHORIZED",
    "wrong_credentials",
    "E-mail address and password do not go together. Check both and try again.",
  );
}
