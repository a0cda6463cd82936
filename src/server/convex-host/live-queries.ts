import type { JSONValue } from "convex/values";
import type { Execute, Outcome, Request } from "./execute";
import type { Identity } from "./identity";
import { createReadIndex } from "./read-index";
import type { Slots } from "./slots";
import type { ChangedKey, Read } from "./transaction";

/** A query that at least one client follows; those who ask the same as the same person share it. */
export interface LiveQuery {
  readonly request: Request;
  /** Of the last run; null before the first. */
  outcome: Outcome | null;
  /** Whether a commit, or nothing yet, has touched what it read. */
  isStale: boolean;
  hasReadAuth: boolean;
}

interface Shared extends LiveQuery {
  reads: readonly Read[];
  family: Family;
  identityKey: string;
  followers: Map<() => void, number>;
}

/** The same question, by who asks. */
interface Family {
  name: string;
  members: Map<string, Shared>;
}

export type LiveQueries = ReturnType<typeof createLiveQueries>;

export function createLiveQueries(deps: { execute: Execute; slots: Slots; now: () => bigint }) {
  const families = new Map<string, Family>();
  const readIndex = createReadIndex<Shared>();
  const known = new WeakMap<LiveQuery, Shared>();

  function follow(
    question: { path: string; args: JSONValue; identity: Identity | null; identityKey: string },
    onTouched: () => void,
  ): LiveQuery {
    const { path, args, identity, identityKey } = question;
    const name = JSON.stringify([path, args]);
    const family = families.get(name) ?? { name, members: new Map<string, Shared>() };
    families.set(name, family);
    const query = family.members.get(identityKey) ?? newMember(family, { path, args, identity }, identityKey);
    query.followers.set(onTouched, (query.followers.get(onTouched) ?? 0) + 1);
    const twin = query.outcome === null ? twinOf(query) : undefined;
    if (twin !== undefined) take(query, twin);
    return query;
  }

  function newMember(family: Family, request: Request, identityKey: string): Shared {
    const query: Shared = {
      request,
      outcome: null,
      isStale: true,
      hasReadAuth: false,
      reads: [],
      family,
      identityKey,
      followers: new Map(),
    };
    family.members.set(identityKey, query);
    known.set(query, query);
    return query;
  }

  function unfollow(followed: LiveQuery, onTouched: () => void): void {
    const query = known.get(followed);
    if (query === undefined) return;
    const times = (query.followers.get(onTouched) ?? 0) - 1;
    if (times > 0) query.followers.set(onTouched, times);
    else query.followers.delete(onTouched);
    if (query.followers.size > 0) return;
    readIndex.remove(query.reads);
    query.reads = [];
    query.isStale = true;
    query.family.members.delete(query.identityKey);
    if (query.family.members.size === 0) families.delete(query.family.name);
  }

  /** Whoever did not ask who calls got what anybody would get. */
  function twinOf({ family }: Shared): Shared | undefined {
    return [...family.members.values()].find((other) => !other.isStale && !other.hasReadAuth);
  }

  function take(query: Shared, result: Pick<Shared, "outcome" | "reads" | "hasReadAuth">): void {
    readIndex.remove(query.reads);
    query.hasReadAuth = result.hasReadAuth;
    // Nobody may have followed it any more by the time it was done.
    query.reads = query.followers.size > 0 ? result.reads.map((read) => ({ ...read })) : [];
    query.isStale = query.followers.size === 0;
    readIndex.add(query, query.reads);
    if (query.outcome === null || result.outcome === null || !isSameOutcome(query.outcome, result.outcome))
      query.outcome = result.outcome;
  }

  return {
    follow,
    unfollow,
    /**
     * Brings queries up to date and tells `use` the time of the one state that all their outcomes are of, at that very
     * moment. What is not stale costs no slot.
     */
    async refresh(queries: readonly LiveQuery[], use: (ts: bigint) => void): Promise<void> {
      if (queries.every(({ isStale }) => !isStale)) {
        use(deps.now());
        return;
      }
      await deps.slots.batch(async () => {
        for (const query of queries) {
          const shared = known.get(query);
          if (shared?.isStale) take(shared, twinOf(shared) ?? (await deps.execute("query", shared.request)));
        }
        use(deps.now());
      });
    },
    /** Marks what a commit has touched, and tells who follows it. To be called before anything else runs. */
    touch(changed: readonly ChangedKey[]): void {
      const followers = new Set<() => void>();
      for (const query of readIndex.readersOf(changed)) {
        query.isStale = true;
        for (const follower of query.followers.keys()) followers.add(follower);
      }
      for (const follower of followers) follower();
    },
    /** How many there are. */
    size: () => [...families.values()].reduce((sum, { members }) => sum + members.size, 0),
  };
}

export function isSameOutcome(a: Outcome, b: Outcome): boolean {
  if (a === b) return true;
  if (a.ok && b.ok) return a.json === b.json;
  return !a.ok && !b.ok && a.fingerprint === b.fingerprint;
}
