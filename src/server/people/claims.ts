import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { hashPassword, requireGoodPassword } from "../auth/passwords";
import { LOGIN_TRIES, Throttle } from "../auth/throttle";
import { isoNow, type Clock } from "../clock";
import type { Database, Store } from "../db/database";
import { installation } from "../db/schema";
import { AppError } from "../errors";
import { insertPerson } from "./people";

/** Without I, L, O, 0 and 1, which people mix up. */
const ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
const CODE_LENGTH = 8;

/** The first person takes the installation with a code that only whoever started it can read. */
export interface Claims {
  isClaimed(): boolean;
  /** For an owner who was made on the command line: the code's file goes. Fine when it is claimed already. */
  markClaimed(): void;
  /** Makes `<data>/claim-code` (0600) while nobody has claimed the installation. @returns the code, null once claimed */
  ensureCode(): string | null;
  /**
   * Makes the owner, once, and removes the code's file.
   * @throws AppError `throttled`, `already_claimed`, `wrong_claim_code` or `weak_password`.
   */
  claim(opts: {
    code: string;
    name: string;
    email: string;
    password: string;
    ip: string;
  }): Promise<{ userId: string }>;
}

export function createClaims(deps: { db: Database; clock: Clock; dataDir: string }): Claims {
  const file = join(deps.dataDir, "claim-code");
  const byIp = new Throttle(deps.clock, LOGIN_TRIES);
  // The code is short enough to type: many addresses together must not be able to search it.
  const byAll = new Throttle(deps.clock, { tries: 30, windowMs: 3_600_000 });
  const isClaimed = () => claimedAt(deps.db) !== null;
  return {
    isClaimed,
    markClaimed() {
      insertClaim(deps.db, deps.clock);
      rmSync(file, { force: true });
    },
    ensureCode() {
      if (isClaimed()) {
        rmSync(file, { force: true });
        return null;
      }
      return readCode(file) ?? writeCode(file);
    },
    async claim({ code, ip, ...person }) {
      if (isClaimed()) throw alreadyClaimed();
      byIp.take(ip);
      byAll.take("all");
      if (!sameCode(readCode(file), code)) throw wrongCode(file);
      byIp.refund(ip);
      byAll.refund("all");
      requireGoodPassword(person.password, person);
      const passwordHash = await hashPassword(person.password);
      const userId = deps.db.transaction((tx) => claimIn(tx, { ...person, passwordHash, clock: deps.clock }));
      rmSync(file, { force: true });
      return { userId };
    },
  };
}

function claimIn(
  tx: Store,
  owner: { name: string; email: string; passwordHash: string; clock: Clock },
): string {
  if (claimedAt(tx) !== null) throw alreadyClaimed();
  insertClaim(tx, owner.clock);
  return insertPerson(tx, { ...owner, role: "owner" });
}

function insertClaim(store: Store, clock: Clock): void {
  store
    .insert(installation)
    .values({ name: "claimedAt", value: isoNow(clock) })
    .onConflictDoNothing()
    .run();
}

function claimedAt(store: Store): string | null {
  return store.select().from(installation).where(eq(installation.name, "claimedAt")).get()?.value ?? null;
}

/** @returns null when the file is missing or holds something else */
function readCode(file: string): string | null {
  if (!existsSync(file)) return null;
  const code = readFileSync(file, "utf8").trim();
  return bare(code).length === CODE_LENGTH ? code : null;
}

function writeCode(file: string): string {
  const letters = Array.from({ length: CODE_LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join(
    "",
  );
  const code = `${letters.slice(0, 4)}-${letters.slice(4)}`;
  rmSync(file, { force: true });
  writeFileSync(file, `${code}\n`, { mode: 0o600, flag: "wx" });
  return code;
}

/** Small letters, blanks and the hyphen make no difference to whoever types it. */
function bare(code: string): string {
  return code.toUpperCase().replace(/[^A-Z0-9]/g, "");
}

/** By digests: they have equal length, so that the comparison's time tells nothing. */
function sameCode(right: string | null, given: string): boolean {
  if (right === null) return false;
  const digest = (code: string) => createHash("sha256").update(bare(code)).digest();
  return timingSafeEqual(digest(right), digest(given));
}

function alreadyClaimed(): AppError {
  return new AppError(
    "CONFLICT",
    "already_claimed",
    "This installation has its owner. Sign in, or ask its owner for an account.",
  );
}

function wrongCode(file: string): AppError {
  return new AppError(
    "FORBIDDEN",
    "wrong_claim_code",
    `That is not the claim code. "npm run up" printed it, and it is in the file claim-code of the data directory.`,
    {
      detail: existsSync(file)
        ? undefined
        : "The file claim-code is missing: restart the server to get a new one.",
    },
  );
}
