/** As `requests.respond` takes it, without the request's id. */
export type RequestAnswer =
  { reply: "once" | "always" | "reject"; message?: string } | { answers: string[][] };

export type Respond = (requestId: string, answer: RequestAnswer) => Promise<void>;
