import { and, eq } from "drizzle-orm";
import { hashPassword, requireGoodPassword, verifyPassword } from "../auth/passwords";
import { LOGIN_TRIES, Throttle } from "../auth/throttle";
import { isoNow, type Clock } from "../clock";
import type { Database, Store } from "../db/database";
import { identities, sessions, users, type Role } from "../db/schema";
import { AppError, notFound } from "../errors";
import { mark, type Mark } from "../events/outbox";
import { newId } from "../ids";
import { raiseEpoch } from "./epoch";

export interface NewPerson {
  email: string;
  name: string;
  role: Role;
  password: string;
}

export interface Person {
  id: string;
  email: string;
  name: string;
  role: Role;
  disabled: boolean;
}

export interface People {
  /** @throws AppError `weak_password`, or `taken` when the e-mail address has an account. */
  create(person: NewPerson): Promise<{ userId: string }>;
  byEmail(email: string): Person | null;
  rename(opts: { userId: string; name: string }): void;
  /** Forgets the old password without asking for it. @throws AppError `weak_password` or `not_found`. */
  resetPassword(opts: { email: string; password: string }): Promise<void>;
  /** @throws AppError `wrong_credentials` when `current` is not the password, `throttled`, or `weak_password`. */
  changePassword(opts: { userId: string; current: string; next: string }): Promise<void>;
}

export function createPeople(deps: { db: Database; clock: Clock }): People {
  const { db } = deps;
  // A browser left open must not be a place to search for its owner's password.
  const changes = new Throttle(deps.clock, LOGIN_TRIES);
  return {
    async create(person) {
      requireGoodPassword(person.password, person);
      const passwordHash = await hashPassword(person.password);
      return db.transaction((tx) => ({
        userId: insertPerson(tx, { ...person, passwordHash, clock: deps.clock }),
      }));
    },
    rename({ userId, name }) {
      db.transaction((tx) => {
        tx.update(users).set({ name }).where(eq(users.id, userId)).run();
        mark(tx, [{ topic: "person", key: userId }, ...sessionsNaming(tx, userId)]);
      });
    },
    byEmail(email) {
      const user = db
        .select()
        .from(users)
        .where(eq(users.email, normalEmail(email)))
        .get();
      if (user === undefined) return null;
      return {
        id: user.id,
        email: user.email,
        name: user.name,
        role: user.role,
        disabled: user.disabledAt !== null,
      };
    },
    async resetPassword({ email, password }) {
      const user = db
        .select()
        .from(users)
        .where(eq(users.email, normalEmail(email)))
        .get();
      if (user === undefined) throw notFound("person");
      requireGoodPassword(password, user);
      const passwordHash = await hashPassword(password);
      db.transaction((tx) => {
        tx.update(users).set({ passwordHash }).where(eq(users.id, user.id)).run();
        // Whoever got in by an account elsewhere is out too; the right one is tied again at its next sign-in.
        tx.delete(identities).where(eq(identities.userId, user.id)).run();
        raiseEpoch(tx, user.id);
      });
    },
    async changePassword({ userId, current, next }) {
      changes.take(userId);
      const user = db.select().from(users).where(eq(users.id, userId)).get();
      if (user === undefined || !(await verifyPassword(user.passwordHash, current))) {
        throw notThePassword();
      }
      changes.refund(userId);
      requireGoodPassword(next, user);
      const passwordHash = await hashPassword(next);
      // Reset meanwhile: whoever knew the one before must not have the last word.
      db.transaction((tx) => {
        const { changes: changed } = tx
          .update(users)
          .set({ passwordHash })
          .where(and(eq(users.id, userId), eq(users.passwordHash, user.passwordHash)))
          .run();
        if (changed === 0) throw notThePassword();
        raiseEpoch(tx, userId);
      });
    },
  };
}

function notThePassword(): AppError {
  return new AppError("BAD_REQUEST", "wrong_credentials", "That is not your present password. Try again.");
}

/** Sessions that carry their owner's name. */
function sessionsNaming(store: Store, userId: string): Mark[] {
  return store
    .select({ id: sessions.id })
    .from(sessions)
    .where(eq(sessions.ownerId, userId))
    .all()
    .map(({ id }) => ({ topic: "session", key: id }));
}

/** E-mail addresses are kept and compared in lower case. */
export function normalEmail(email: string): string {
  return email.trim().toLowerCase();
}

/** @throws AppError `taken` */
export function insertPerson(
  store: Store,
  person: Omit<NewPerson, "password"> & { passwordHash: string; clock: Clock },
): string {
  const email = normalEmail(person.email);
  if (store.select({ id: users.id }).from(users).where(eq(users.email, email)).get() !== undefined) {
    throw new AppError(
      "CONFLICT",
      "taken",
      "There is an account with this e-mail address. Use another one, or reset its password.",
    );
  }
  const id = newId("usr");
  store
    .insert(users)
    .values({
      id,
      email,
      name: person.name.trim(),
      role: person.role,
      passwordHash: person.passwordHash,
      createdAt: isoNow(person.clock),
    })
    .run();
  mark(store, [{ topic: "person", key: id }]);
  return id;
}
