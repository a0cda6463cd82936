import { z } from "zod";
import { ServerError } from "../ask-server";
import { type Finding, someOf } from "./finding";

const comparison = z.object({
  sessions: z.number(),
  differing: z.array(z.object({ sessionId: z.string(), why: z.string() })),
  parked: z.array(z.object({ topic: z.string(), key: z.string() })),
});

/**
 * What browsers watch, against the log.
 * @param compare asks the running server, which alone reaches its mirror; null: none runs. It gives null where there is nobody to ask as
 */
export async function examineMirror(compare: (() => Promise<unknown>) | null): Promise<Finding> {
  const what = "mirror";
  const note = (fact: string): Finding => ({ what, problem: null, fact, isNote: true });
  if (compare === null)
    return note("not compared with the log: that takes a running server. Run: npm run up");
  try {
    const answer = await compare();
    if (answer === null)
      return note("not compared with the log: there is no owner to ask as. Claim the installation first");
    const parsed = comparison.safeParse(answer);
    if (!parsed.success)
      return note("not compared with the log: the server is of another version. Run: npm run up");
    const { sessions, differing, parked } = parsed.data;
    const fact = `the same as the log by hash, for each of ${sessions} sessions`;
    const wrong = [
      ...differing.map(({ sessionId, why }) => `${sessionId} ${why}`),
      ...parked.map(({ topic, key }) => `${topic} ${key} is refused there`),
    ];
    if (wrong.length === 0) return { what, problem: null, fact };
    return { what, problem: `${someOf(wrong)}. Run: npm run admin -- mirror rebuild`, fact };
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return { what, problem: `not compared with the log. ${error.message}`, fact: "" };
  }
}
