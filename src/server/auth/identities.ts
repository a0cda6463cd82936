import { and, eq } from "drizzle-orm";
import { isoNow, type Clock } from "../clock";
import type { Database, Store } from "../db/database";
import { identities, users } from "../db/schema";
import { addLogin } from "./logins";
import { Throttle, type ThrottleLimit } from "./throttle";

/** An account elsewhere, as its provider tells of it. */
export interface Identity {
  issuer: string;
  subject: string;
  /** Lower case; null when the provider did not say that it is theirs. */
  email: string | null;
}

/** Why somebody whom a provider knows is not let in. */
export type IdentityRefusal = "email_not_proved" | "unknown_person" | "other_account" | "disabled";

export interface Identities {
  /**
   * Before a provider is asked anything: whoever wants to, could else have us ask without end.
   * @throws AppError `throttled`
   */
  admit(ip: string): void;
  /**
   * Makes a login session. The first time the account is tied to the person with its e-mail address; from then on it is
   * theirs whatever its address, and no other account of that provider is. Nobody is made a person by it.
   */
  signIn(
    identity: Identity,
    opts: { userAgent: string },
  ): { loginSessionId: string } | { refusal: IdentityRefusal };
}

/** Two a sign-in. Many people may share an address: a company's, or this machine's own behind a proxy. */
const CALLS: ThrottleLimit = { tries: 300, windowMs: 15 * 60_000 };

export function createIdentities({ db, clock }: { db: Database; clock: Clock }): Identities {
  const calls = new Throttle(clock, CALLS);
  return {
    admit: (ip) => calls.take(ip),
    signIn: (identity, { userAgent }) =>
      db.transaction(
        (tx) => {
          const known = personOf(tx, identity);
          const found = known === null ? personToTie(tx, identity) : { user: known };
          if ("refusal" in found) return found;
          const { user } = found;
          if (user.disabledAt !== null) return { refusal: "disabled" };
          if (known === null) {
            const { issuer, subject } = identity;
            tx.insert(identities)
              .values({ issuer, subject, userId: user.id, createdAt: isoNow(clock) })
              .run();
          }
          return { loginSessionId: addLogin(tx, { userId: user.id, userAgent, clock }) };
        },
        { behavior: "immediate" },
      ),
  };
}

type User = typeof users.$inferSelect;

function personOf(tx: Store, { issuer, subject }: Identity): User | null {
  const row = tx
    .select({ user: users })
    .from(identities)
    .innerJoin(users, eq(identities.userId, users.id))
    .where(and(eq(identities.issuer, issuer), eq(identities.subject, subject)))
    .get();
  return row?.user ?? null;
}

function personToTie(tx: Store, { issuer, email }: Identity): { user: User } | { refusal: IdentityRefusal } {
  if (email === null) return { refusal: "email_not_proved" };
  const user = tx.select().from(users).where(eq(users.email, email)).get();
  if (user === undefined) return { refusal: "unknown_person" };
  const other = tx
    .select({ subject: identities.subject })
    .from(identities)
    .where(and(eq(identities.issuer, issuer), eq(identities.userId, user.id)))
    .get();
  // The address may have been given to somebody else there.
  return other === undefined ? { user } : { refusal: "other_account" };
}
