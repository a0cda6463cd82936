import { tracked } from "@trpc/server";
import { z } from "zod";
import { modelRef, permissionMode } from "../../../../sidecar/src/contract";
import { idleStopMinutes } from "../../settings";
import { procedure, router } from "../builders";
import { idInput, pageInput } from "./page-input";
import { textInput } from "./text-input";

const read = procedure({ kind: "person", scope: "sessions:read" });
const write = procedure({ kind: "person", scope: "sessions:write" });
const byId = z.object({ id: idInput });

/** The most a prompt may hold, in characters; its size in bytes is checked by the service. */
export const promptText = textInput
  .max(
    1024 * 1024,
    "A prompt holds at most 1 MiB. Put long material into a file of the workspace and name it.",
  )
  .refine((text) => text.trim() !== "", "The prompt is empty. Write what the agent should do.");

const visibility = z.enum(["private", "team-read", "team-write"]);

const title = textInput.trim().min(1, "A title needs at least one character.").max(200);

/** Part of a title, in any case. */
const search = textInput.trim().max(200).optional();

export const sessionsRouter = router({
  create: write
    .input(
      z.strictObject({
        title: title.optional(),
        model: modelRef.optional(),
        agent: z.enum(["build", "plan"]).optional(),
        permissionMode: permissionMode.optional(),
        prompt: promptText.optional(),
        visibility: visibility.optional(),
      }),
    )
    .mutation(({ ctx, input }) => ctx.services.sessions.create(ctx.caller, input)),

  get: read.input(byId).query(({ ctx, input }) => ctx.services.sessions.get(ctx.caller, input.id)),

  list: read
    .input(pageInput.extend({ archived: z.boolean().default(false), search }).prefault({}))
    .query(({ ctx, input }) => ctx.services.sessions.list(ctx.caller, input)),

  rename: write
    .input(byId.extend({ title }))
    .mutation(({ ctx, input }) => ctx.services.sessions.rename(ctx.caller, input)),

  share: write
    .input(byId.extend({ visibility }))
    .mutation(({ ctx, input }) => ctx.services.sessions.share(ctx.caller, input)),

  archive: write
    .input(byId.extend({ archived: z.boolean().default(true) }))
    .mutation(({ ctx, input }) => ctx.services.sessions.archive(ctx.caller, input)),

  /** Of the caller alone, so whoever may read may do it. */
  markRead: read
    .input(byId)
    .mutation(({ ctx, input }) => ctx.services.sessions.markRead(ctx.caller, input.id)),

  /** A page says so every half minute while somebody looks at it: such a session is not stopped as idle. */
  watch: read.input(byId).mutation(({ ctx, input }) => ctx.services.sessions.watch(ctx.caller, input.id)),

  setIdleStop: write
    .input(byId.extend({ minutes: idleStopMinutes.nullable() }))
    .mutation(({ ctx, input }) => ctx.services.sessions.setIdleStop(ctx.caller, input)),

  stop: write.input(byId).mutation(({ ctx, input }) => ctx.services.sessions.stop(ctx.caller, input.id)),
  resume: write.input(byId).mutation(({ ctx, input }) => ctx.services.sessions.resume(ctx.caller, input.id)),
  restart: write
    .input(byId)
    .mutation(({ ctx, input }) => ctx.services.sessions.restart(ctx.caller, input.id)),
  rebuild: write
    .input(byId)
    .mutation(({ ctx, input }) => ctx.services.sessions.rebuild(ctx.caller, input.id)),
  remove: write.input(byId).mutation(async ({ ctx, input }) => {
    await ctx.services.sessions.remove(ctx.caller, input.id);
    return { id: input.id };
  }),

  timeline: read
    .input(
      byId.extend({
        beforeSeq: z.number().int().positive().optional(),
        limit: z.number().int().min(1).max(500).default(100),
      }),
    )
    .query(({ ctx, input }) => ctx.services.sessions.timeline(ctx.caller, input)),

  /** Tracked by seq: replay after `afterSeq`, then live; a reconnecting client's `lastEventId` wins. */
  events: read
    .input(
      byId.extend({
        afterSeq: z.number().int().nonnegative().default(0),
        lastEventId: z
          .string()
          .regex(/^\d{1,15}$/)
          .nullish(),
      }),
    )
    .subscription(async function* ({ ctx, input, signal }) {
      const afterSeq = input.lastEventId ? Number(input.lastEventId) : input.afterSeq;
      const stream = ctx.services.sessions.follow(ctx.caller, {
        id: input.id,
        afterSeq,
        signal: signal ?? new AbortController().signal,
      });
      for await (const batch of stream) for (const event of batch) yield tracked(String(event.seq), event);
    }),
});
