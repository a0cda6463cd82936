import { and, desc, eq, isNull } from "drizzle-orm";
import { isoNow, type Clock } from "../clock";
import type { Database } from "../db/database";
import { apiTokens, users } from "../db/schema";
import { notFound } from "../errors";
import { newId } from "../ids";
import { raiseEpoch } from "../people/epoch";
import type { Logger } from "../log";
import { behindCursor, type Page, pageOf, type PageRequest } from "../page-cursor";
import type { Caller } from "./caller";
import { hashToken, hasTokenForm, makeToken } from "./token-format";

export const MAX_TOKEN_DAYS = 365;
const DEFAULT_TOKEN_DAYS = 90;
const DAY_MS = 86_400_000;
/** `lastUsedAt` is not written more often than this, so that reading costs no write. */
const LAST_USED_STEP_MS = 60_000;

export interface TokenInfo {
  id: string;
  name: string;
  /** null: everything that its owner may and tokens may at all. */
  scopes: string[] | null;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
}

/** Personal access tokens. */
export interface Tokens {
  /** @returns the token, which cannot be shown again. @param opts.days how long it lives; 90 when not given */
  create(opts: {
    userId: string;
    name: string;
    scopes?: readonly string[] | undefined;
    days?: number | undefined;
  }): {
    id: string;
    token: string;
  };
  /** Those not revoked, the newest first. */
  list(opts: PageRequest & { userId: string }): Page<TokenInfo>;
  /** @throws AppError `not_found` when it is not this person's. */
  revoke(opts: { userId: string; tokenId: string }): void;
  /** @returns null for anything that is not a living token of an enabled person; never throws on what it is given */
  resolve(token: string): Caller | null;
}

/** @param deps.log told when a token's use cannot be noted */
export function createTokens(deps: {
  db: Database;
  clock: Clock;
  log?: Pick<Logger, "warn"> | undefined;
}): Tokens {
  const { db, clock } = deps;
  const noteUse = createUseNotes(deps);
  return {
    create({ userId, name, scopes, days = DEFAULT_TOKEN_DAYS }) {
      const token = makeToken();
      const id = newId("tok");
      db.insert(apiTokens)
        .values({
          id,
          userId,
          name,
          tokenHash: hashToken(token),
          scopes: scopes === undefined ? null : [...scopes],
          createdAt: isoNow(clock),
          expiresAt: new Date(clock.now() + Math.min(days, MAX_TOKEN_DAYS) * DAY_MS).toISOString(),
        })
        .run();
      return { id, token };
    },
    list: (opts) => listTokens(db, opts),
    revoke({ userId, tokenId }) {
      db.transaction((tx) => {
        const revoked = tx
          .update(apiTokens)
          .set({ revokedAt: isoNow(clock) })
          .where(and(eq(apiTokens.id, tokenId), eq(apiTokens.userId, userId), isNull(apiTokens.revokedAt)))
          .run();
        if (revoked.changes === 0) throw notFound("token");
        raiseEpoch(tx, userId);
      });
    },
    resolve(token) {
      const row = livingToken({ db, clock }, token);
      if (row === null) return null;
      noteUse(row.token);
      const { id: userId, email, name, role } = row.user;
      return {
        userId,
        email,
        name,
        role,
        via: { kind: "token", tokenId: row.token.id, scopes: row.token.scopes },
      };
    },
  };
}

function listTokens(db: Database, page: PageRequest & { userId: string }): Page<TokenInfo> {
  const { id, name, scopes, createdAt, expiresAt, lastUsedAt } = apiTokens;
  const older = behindCursor(page.cursor, { at: createdAt, id }, "newest first");
  const rows = db
    .select({ id, name, scopes, createdAt, expiresAt, lastUsedAt })
    .from(apiTokens)
    .where(and(eq(apiTokens.userId, page.userId), isNull(apiTokens.revokedAt), older))
    .orderBy(desc(createdAt), desc(id))
    .limit(page.limit + 1)
    .all();
  return pageOf(rows, page.limit, {
    positionOf: (row) => ({ at: row.createdAt, id: row.id }),
    itemOf: (row) => row,
  });
}

/** The look-up is by the hash, so its time tells nothing about the token. */
function livingToken({ db, clock }: { db: Database; clock: Clock }, token: string) {
  if (!hasTokenForm(token)) return null;
  const row = db
    .select({ token: apiTokens, user: users })
    .from(apiTokens)
    .innerJoin(users, eq(apiTokens.userId, users.id))
    .where(eq(apiTokens.tokenHash, hashToken(token)))
    .get();
  if (row === undefined || row.token.revokedAt !== null || row.user.disabledAt !== null) return null;
  if (row.token.expiresAt !== null && Date.parse(row.token.expiresAt) <= clock.now()) return null;
  return row;
}

/** Keeps `lastUsedAt`. A database that takes no writes, on a full disk, must not keep people from reading. */
function createUseNotes({ db, clock, log }: Parameters<typeof createTokens>[0]) {
  // One line a failure, not one a call: the log is on a disk too.
  let isFailing = false;
  return (token: { id: string; lastUsedAt: string | null }): void => {
    if (token.lastUsedAt !== null && clock.now() - Date.parse(token.lastUsedAt) < LAST_USED_STEP_MS) return;
    try {
      db.update(apiTokens)
        .set({ lastUsedAt: isoNow(clock) })
        .where(eq(apiTokens.id, token.id))
        .run();
      isFailing = false;
    } catch (err) {
      if (!isFailing) log?.warn({ err, tokenId: token.id }, "the use of a token could not be noted");
      isFailing = true;
    }
  };
}
