import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

/**
 * A mirror of what browsers show live. The server's own database is the system of record: all of this can be thrown away
 * and filled again. Whatever people or agents wrote stands in `data`, a JSON string, since not every JSON is a Convex value.
 */
export default defineSchema({
  people: defineTable({
    personId: v.string(),
    name: v.string(),
    disabled: v.boolean(),
    /** Tokens of an earlier epoch are worth nothing. */
    epoch: v.number(),
  }).index("by_person", ["personId"]),

  sessions: defineTable({
    sessionId: v.string(),
    ownerId: v.string(),
    visibility: v.union(v.literal("private"), v.literal("team-read"), v.literal("team-write")),
    archived: v.boolean(),
    needsInput: v.boolean(),
    /** ISO 8601 UTC; of the last change that a list of sessions shows, not of each event. */
    activityAt: v.string(),
    /** As of `activityAt`, to be compared with how far a person has read. */
    lastSeq: v.number(),
    /** The session as the API gives it, without what differs from person to person. */
    data: v.string(),
  })
    .index("by_session", ["sessionId"])
    .index("by_owner", ["ownerId", "archived", "activityAt"])
    .index("by_visibility", ["visibility", "archived", "activityAt"]),

  /** The newest events of each session, dense; older ones are read from the server. */
  sessionEvents: defineTable({
    sessionId: v.string(),
    seq: v.number(),
    at: v.string(),
    type: v.string(),
    data: v.string(),
  }).index("by_seq", ["sessionId", "seq"]),

  /** Those that wait for an answer. */
  requests: defineTable({
    requestId: v.string(),
    sessionId: v.string(),
    openedAt: v.string(),
    /** The request as the API gives it. */
    data: v.string(),
  })
    .index("by_request", ["requestId"])
    .index("by_session", ["sessionId", "openedAt"]),

  /** How far each person has read each session. */
  reads: defineTable({
    personId: v.string(),
    sessionId: v.string(),
    seq: v.number(),
  })
    .index("by_person", ["personId", "sessionId"])
    .index("by_session", ["sessionId"]),
});
