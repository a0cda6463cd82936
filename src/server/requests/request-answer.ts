import type { RequestReply } from "../../../sidecar/src/protocol";
import { AppError } from "../errors";

/**
 * What a person answers. `scope` says how far "always" reaches; "session" is also what it means without one, and with the
 * other replies it says nothing.
 */
export type RequestAnswer =
  | {
      reply: "once" | "always" | "reject";
      scope?: "session" | "everyone" | undefined;
      patterns?: string[] | undefined;
      message?: string | undefined;
    }
  | { answers: string[][] };

/**
 * The answer as the agent gets it.
 * @throws AppError `bad_input` for what the API names and this server cannot do: nobody is to think that it was done.
 */
export function replyOf(answer: RequestAnswer): RequestReply {
  if ("answers" in answer) return answer;
  const { scope, patterns, ...reply } = answer;
  if (scope === "everyone") {
    throw new AppError(
      "BAD_REQUEST",
      "bad_input",
      'An answer cannot count for everyone yet. Send the scope "session", or none: "always" then counts in this session.',
    );
  }
  if (patterns !== undefined) {
    throw new AppError(
      "BAD_REQUEST",
      "bad_input",
      'Patterns of your own cannot be set yet. Leave them out: "always" then allows what the request itself asks to allow.',
    );
  }
  return reply;
}
