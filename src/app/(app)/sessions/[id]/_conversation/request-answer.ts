import { api } from "../../../../_client/api";
import { sentenceOf } from "../../../../_client/sentence-of";

/** As `requests.respond` takes it, without the request's id. */
export type RequestAnswer =
  { reply: "once" | "always" | "reject"; message?: string } | { answers: string[][] };

export type Respond = (requestId: string, answer: RequestAnswer) => Promise<void>;

/** Answers at the server. @throws Error with a sentence */
export const respond: Respond = async (id, answer) => {
  try {
    await api.requests.respond.mutate({ id, ...answer });
  } catch (cause) {
    throw new Error(sentenceOf(cause), { cause });
  }
};
