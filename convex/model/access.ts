import { ConvexError } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";

/** What the page does about it: fetch a new token for `signed_out`, leave the session for `not_found`. */
export type RefusalReason = "signed_out" | "not_found" | "not_server";

/** Subject of the server's own tokens; no person's id. */
const SERVER = "openagent-server";

function refused(
  reason: RefusalReason,
  message: string,
): ConvexError<{ reason: RefusalReason; message: string }> {
  return new ConvexError({ reason, message });
}

/**
 * The person whose token this is, as they are now: a token outlives its person's rights, so the mirrored row decides.
 * @throws ConvexError `signed_out`
 */
export async function requirePerson(ctx: QueryCtx): Promise<Doc<"people">> {
  const identity = await ctx.auth.getUserIdentity();
  if (identity === null || identity.role === "server") throw signedOut();
  const person = await ctx.db
    .query("people")
    .withIndex("by_person", (q) => q.eq("personId", identity.subject))
    .unique();
  // Claims may come as text.
  if (person === null || person.disabled || person.epoch !== Number(identity.epoch)) throw signedOut();
  return person;
}

/** @throws ConvexError `not_server`: only the OpenAgent server writes. */
export async function requireServer(ctx: QueryCtx | MutationCtx): Promise<void> {
  const identity = await ctx.auth.getUserIdentity();
  if (identity?.role !== "server" || identity.subject !== SERVER)
    throw refused("not_server", "Only the OpenAgent server may do this.");
}

function mayRead(person: Doc<"people">, session: Doc<"sessions">): boolean {
  return session.ownerId === person.personId || session.visibility !== "private";
}

/** @returns null when it is missing or not theirs to see, alike */
export async function findReadable(
  ctx: QueryCtx,
  person: Doc<"people">,
  sessionId: string,
): Promise<Doc<"sessions"> | null> {
  const session = await sessionRow(ctx, sessionId);
  return session !== null && mayRead(person, session) ? session : null;
}

/** @throws ConvexError `signed_out`, or `not_found` when it is missing or not theirs to see, alike */
export async function requireReadable(ctx: QueryCtx, sessionId: string): Promise<Doc<"sessions">> {
  const session = await findReadable(ctx, await requirePerson(ctx), sessionId);
  if (session === null) throw refused("not_found", "There is no such session, or it is not yours to see.");
  return session;
}

export function sessionRow(ctx: QueryCtx, sessionId: string): Promise<Doc<"sessions"> | null> {
  return ctx.db
    .query("sessions")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .unique();
}

function signedOut() {
  return refused("signed_out", "Nobody is signed in, or no longer. Sign in again.");
}
