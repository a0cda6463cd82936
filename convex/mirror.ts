import { v } from "convex/values";
import { mutation, query } from "./_generated/server";
import { requireServer } from "./model/access";
import {
  appendEvents,
  eventsAfter,
  lastSeqOf,
  removeEvents,
  roomToLetGo,
  roomToRemove,
} from "./model/events";
import { putPerson, putRead, putRequest, putSession, removeRequest, removeSession } from "./model/rows";
import schema from "./schema";

const { people, sessions, sessionEvents, requests, reads } = schema.tables;

/**
 * One batch of the server's outbox, over all sessions, in one transaction. The same batch again changes nothing, as HTTP
 * mutations may be sent twice. Rows replace those with the same id; events are appended in order.
 * @throws ConvexError `gap` when events are missing before the first of a session's; `lastSeq` says from where to send
 */
export const push = mutation({
  args: {
    people: v.array(people.validator),
    sessions: v.array(sessions.validator),
    /** Each session's in order. */
    events: v.array(sessionEvents.validator),
    requests: v.array(requests.validator),
    /** Ids of requests that no longer wait. */
    closedRequests: v.array(v.string()),
    reads: v.array(reads.validator),
    /** Ids of sessions that go with all that is of them, before the rest is put: one may begin afresh in the same batch. */
    removed: v.array(v.string()),
  },
  /** `again`: more is to be removed than one transaction can, and nothing else is put yet. Send the same batch again. */
  returns: v.union(v.literal("done"), v.literal("again")),
  handler: async (ctx, batch) => {
    await requireServer(ctx);
    const room = roomToRemove();
    for (const sessionId of batch.removed) {
      if (!(await removeSession(ctx, sessionId, room))) return "again";
    }
    for (const person of batch.people) await putPerson(ctx, person);
    for (const session of batch.sessions) await putSession(ctx, session);
    for (const request of batch.requests) await putRequest(ctx, request);
    for (const requestId of batch.closedRequests) await removeRequest(ctx, requestId);
    for (const read of batch.reads) await putRead(ctx, read);
    await appendEvents(ctx, batch.events);
    return "done";
  },
});

/**
 * Takes the oldest events of a session away up to this one, as many as one short call may, and nothing else that is of it.
 * Sent twice, it takes more of the same.
 * @returns `again`: there are more
 */
export const letGo = mutation({
  args: { sessionId: v.string(), upToSeq: v.number() },
  returns: v.union(v.literal("done"), v.literal("again")),
  handler: async (ctx, events) => {
    await requireServer(ctx);
    return (await removeEvents(ctx, events, roomToLetGo())) ? "done" : "again";
  },
});

/** Seq of the last event of a session here; 0 when there is none. */
export const position = query({
  args: { sessionId: v.string() },
  returns: v.number(),
  handler: async (ctx, { sessionId }) => {
    await requireServer(ctx);
    return lastSeqOf(ctx, sessionId);
  },
});

/** Some events of a session after this seq, in order, as they are here: for whoever compares them. None: there are no more. */
export const events = query({
  args: { sessionId: v.string(), afterSeq: v.number() },
  returns: v.array(v.object({ seq: v.number(), at: v.string(), type: v.string(), data: v.string() })),
  handler: async (ctx, { sessionId, afterSeq }) => {
    await requireServer(ctx);
    const rows = await eventsAfter(ctx, sessionId, afterSeq);
    return rows.map(({ seq, at, type, data }) => ({ seq, at, type, data }));
  },
});

/** The most ids a list holds. */
const LISTED = 500;

/** Ids of sessions that are here, in order, after this one: for whoever looks for those that should not be. */
export const sessionIds = query({
  args: { after: v.string() },
  returns: v.array(v.string()),
  handler: async (ctx, { after }) => {
    await requireServer(ctx);
    const rows = await ctx.db
      .query("sessions")
      .withIndex("by_session", (q) => q.gt("sessionId", after))
      .take(LISTED);
    return rows.map(({ sessionId }) => sessionId);
  },
});
