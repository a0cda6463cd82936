import { z } from "zod";
import { procedure, router } from "../builders";
import { idInput, pageInput } from "./page-input";

const read = procedure({ kind: "person", scope: "sessions:read" });
const write = procedure({ kind: "person", scope: "sessions:write" });

const permissionReply = z.strictObject({
  id: idInput,
  reply: z.enum(["once", "always", "reject"]),
  /** With `reject`: what the agent should do instead. */
  message: z.string().max(10_000).optional(),
});
const questionReply = z.strictObject({
  id: idInput,
  answers: z.array(z.array(z.string().max(10_000)).max(50)).max(20),
});

export const requestsRouter = router({
  list: read
    .input(pageInput.extend({ sessionId: idInput.optional(), open: z.boolean().optional() }).prefault({}))
    .query(({ ctx, input }) => ctx.services.requests.list(ctx.caller, input)),

  respond: write.input(z.union([permissionReply, questionReply])).mutation(({ ctx, input }) => {
    const { id, ...reply } = input;
    return ctx.services.requests.respond(ctx.caller, id, reply);
  }),
});
