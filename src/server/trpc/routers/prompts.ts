import { z } from "zod";
import { modelRef } from "../../../../sidecar/src/contract";
import { procedure, router } from "../builders";
import { idInput } from "./page-input";
import { promptText } from "./sessions";
import { textInput } from "./text-input";

const write = procedure({ kind: "person", scope: "sessions:write" });
const key = textInput
  .min(1, "The key makes a repeated call harmless: send something unique, such as a UUID.")
  .max(200);

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
        command: textInput.min(1).max(64 * 1024),
        key,
      }),
    )
    .mutation(({ ctx, input: { command, ...rest } }) =>
      ctx.services.prompts.send(ctx.caller, { ...rest, text: command, kind: "shell" }),
    ),

  abort: write
    .input(z.object({ sessionId: idInput }))
    .mutation(({ ctx, input }) => ctx.services.prompts.abort(ctx.caller, input.sessionId)),
});
