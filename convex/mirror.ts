import { v } from "convex/values";
import { mutation, query } from "./_generated/server";
import { requireServer } from "./model/access";
import { appendEvents, lastSeqOf } from "./model/events";
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
  returns: v.null(),
  handler: async (ctx, batch) => {
    await requireServer(ctx);
    for (const sessionId of batch.removed) await removeSession(ctx, sessionId);
    for (const person of batch.people) await putPerson(ctx, person);
    for (const session of batch.sessions) await putSession(ctx, session);
    for (const request of batch.requests) await putRequest(ctx, request);
    for (const requestId of batch.closedRequests) await removeRequest(ctx, requestId);
    for (const read of batch.reads) await putRead(ctx, read);
    await appendEvents(ctx, batch.events);
    return null;
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
