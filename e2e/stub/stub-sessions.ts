/** A product with many stub sessions that run. */
import type { OpenAgentClient } from "../../src/client/index";
import { sessionIs } from "../harness";

/** As many as the server starts at a time: more would only wait there. */
const AT_ONCE = 4;

/** @param onReady told how many run so far @returns ids of sessions whose agents take prompts */
export async function startStubSessions(
  client: OpenAgentClient,
  count: number,
  onReady: (running: number) => void = () => undefined,
): Promise<string[]> {
  const ids: string[] = [];
  let begun = 0;
  const starter = async () => {
    while (begun < count) {
      begun += 1;
      const { id } = await client.sessions.create.mutate({ title: `Stub ${begun}` });
      await sessionIs(client, id, "idle");
      onReady(ids.push(id));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, starter));
  return ids;
}
