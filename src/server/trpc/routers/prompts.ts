import { z } from "zod";
import { modelRef } from "../../../../sidecar/src/contract";
import { SESSION_LIMITS } from "../../sessions/limits";
import { procedure, router } from "../builders";
import { idInput, pageInput } from "./page-input";
import { promptText } from "./sessions";
import { textInput } from "./text-input";

const read = procedure({ kind: "person", scope: "sessions:read" });
const write = procedure({ kind: "person", scope: "sessions:write" });
const key = textInput
  .min(1, "The key makes a repeated call harmless: send something unique, such as a UUID.")
  .max(200);

const byId = z.object({ promptId: idInput });

const attachment = z.object({
  name: textInput.min(1).max(255),
  mime: textInput.min(1).max(100),
  dataUrl: z
    .string()
    .startsWith("data:")
    .max(8 * 1024 * 1024),
});

export const promptsRouter = router({
  send: write
    .input(
      z.object({
        sessionId: idInput,
        text: promptText,
        key,
        model: modelRef.optional(),
        agent: z.enum(["build", "plan"]).optional(),
        effort: textInput.max(50).optional(),
        attachments: z.array(attachment).max(5).optional(),
      }),
    )
    .mutation(({ ctx, input }) => ctx.services.prompts.send(ctx.caller, { ...input, kind: "prompt" })),

  /** Runs a command of the person's in the session's workspace; its output is part of the conversation. */
  shell: write
    .input(
      z.object({
        sessionId: idInput,
        command: textInput.min(1).max(SESSION_LIMITS.commandMaxChars),
        key,
      }),
    )
    .mutation(({ ctx, input: { command, ...rest } }) =>
      ctx.services.prompts.send(ctx.caller, { ...rest, text: command, kind: "shell" }),
    ),

  /** Those that wait, the next to run first. */
  queue: read
    .input(pageInput.extend({ sessionId: idInput }))
    .query(({ ctx, input }) => ctx.services.prompts.queue(ctx.caller, input)),

  edit: write
    .input(byId.extend({ text: promptText }))
    .mutation(({ ctx, input }) => ctx.services.prompts.edit(ctx.caller, input)),

  cancel: write
    .input(byId)
    .mutation(({ ctx, input }) => ctx.services.prompts.cancel(ctx.caller, input.promptId)),

  sendNow: write
    .input(byId)
    .mutation(({ ctx, input }) => ctx.services.prompts.sendNow(ctx.caller, input.promptId)),

  abort: write
    .input(z.object({ sessionId: idInput }))
    .mutation(({ ctx, input }) => ctx.services.prompts.abort(ctx.caller, input.sessionId)),
});
