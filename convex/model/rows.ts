import type { Infer } from "convex/values";
import type { Doc, TableNames } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import type schema from "../schema";
import { sessionRow } from "./access";
import { removeEvents, type Room } from "./events";

type Tables = typeof schema.tables;
type Row<Table extends keyof Tables> = Infer<Tables[Table]["validator"]>;

export async function putPerson(ctx: MutationCtx, row: Row<"people">): Promise<void> {
  const known = await ctx.db
    .query("people")
    .withIndex("by_person", (q) => q.eq("personId", row.personId))
    .unique();
  if (known === null) await ctx.db.insert("people", row);
  else await ctx.db.replace(known._id, row);
}

export async function putSession(ctx: MutationCtx, row: Row<"sessions">): Promise<void> {
  const known = await sessionRow(ctx, row.sessionId);
  if (known === null) await ctx.db.insert("sessions", row);
  else await ctx.db.replace(known._id, row);
}

export async function putRequest(ctx: MutationCtx, row: Row<"requests">): Promise<void> {
  const known = await requestRow(ctx, row.requestId);
  if (known === null) await ctx.db.insert("requests", row);
  else await ctx.db.replace(known._id, row);
}

export async function removeRequest(ctx: MutationCtx, requestId: string): Promise<void> {
  const known = await requestRow(ctx, requestId);
  if (known !== null) await ctx.db.delete(known._id);
}

function requestRow(ctx: MutationCtx, requestId: string): Promise<Doc<"requests"> | null> {
  return ctx.db
    .query("requests")
    .withIndex("by_request", (q) => q.eq("requestId", requestId))
    .unique();
}

export async function putRead(ctx: MutationCtx, row: Row<"reads">): Promise<void> {
  const known = await ctx.db
    .query("reads")
    .withIndex("by_person", (q) => q.eq("personId", row.personId).eq("sessionId", row.sessionId))
    .unique();
  if (known === null) await ctx.db.insert("reads", row);
  else await ctx.db.replace(known._id, row);
}

/**
 * The session and all that is of it; its events, of which there may be many, last.
 * @returns whether there was room for all of them
 */
export async function removeSession(ctx: MutationCtx, sessionId: string, room: Room): Promise<boolean> {
  const session = await sessionRow(ctx, sessionId);
  const requests = await ctx.db
    .query("requests")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .collect();
  const reads = await ctx.db
    .query("reads")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .collect();
  const rows: Doc<TableNames>[] = [...(session === null ? [] : [session]), ...requests, ...reads];
  for (const row of rows) await ctx.db.delete(row._id);
  return removeEvents(ctx, { sessionId, upToSeq: Infinity }, room);
}
