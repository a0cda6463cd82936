import { z } from "zod";
import { procedure, router } from "../builders";
import { idInput, pageInput } from "./page-input";
import { textInput } from "./text-input";

const read = procedure({ kind: "person", scope: "sessions:read" });
const write = procedure({ kind: "person", scope: "sessions:write" });

const permissionReply = z.strictObject({
  id: idInput,
  reply: z.enum(["once", "always", "reject"]),
  /** How far "always" reaches. */
  scope: z.enum(["session", "everyone"]).optional(),
  patterns: z.array(textInput.max(2000)).max(200).optional(),
  /** With `reject`: what the agent should do instead. */
  message: textInput.max(10_000).optional(),
});
const questionReply = z.strictObject({
  id: idInput,
  answers: z.array(z.array(textInput.max(10_000)).max(50)).max(20),
});

/** A union's own complaint names neither field nor form. */
const answer = z.union([permissionReply, questionReply], {
  error:
    'send {id, reply: "once", "always" or "reject"} to a permission request, {id, answers} with a list of answers for each question to a question',
});

export const requestsRouter = router({
  list: read
    .input(pageInput.extend({ sessionId: idInput.optional(), open: z.boolean().optional() }).prefault({}))
    .query(({ ctx, input }) => ctx.services.requests.list(ctx.caller, input)),

  respond: write.input(answer).mutation(({ ctx, input }) => {
    const { id, ...rest } = input;
    return ctx.services.requests.respond(ctx.caller, id, rest);
  }),
});
