/**
 * Starts a session, gives it a job, says yes to what it asks, and prints what it says.
 *
 *   OPENAGENT_URL=http://127.0.0.1:3000 OPENAGENT_TOKEN=oa_… npx tsx examples/hello.ts [--keep]
 *
 * The session is removed at the end; with --keep it stays, and its id is the last line of the output.
 */
import { randomUUID } from "node:crypto";
import { createClient, explainFailure, followEvents, type SessionEvent } from "openagent/client";

const url = process.env.OPENAGENT_URL ?? "http://127.0.0.1:3000";
const token = process.env.OPENAGENT_TOKEN;
if (!token) {
  console.error(
    "Set OPENAGENT_TOKEN. Make one with: npm run --silent admin -- token create --email you@example.com",
  );
  process.exit(2);
}
const keep = process.argv.includes("--keep");
const client = createClient({ url, token });

try {
  process.exitCode = await main();
} catch (error) {
  console.error(explainFailure(error, { url }));
  process.exitCode = 1;
}

async function main(): Promise<number> {
  // Answers at once; the container is started in the background, and what is sent meanwhile waits for it.
  const { id: sessionId } = await client.sessions.create.mutate({
    title: "Hello",
    model: { providerId: "demo", modelId: "demo-1" },
    permissionMode: "ask",
  });
  console.error(`session ${sessionId}`);
  try {
    // The key makes the call safe to repeat: the same key runs once.
    const prompt = { sessionId, text: "make a hello page", key: randomUUID() };
    const { promptId } = await client.prompts.send.mutate(prompt);
    const code = await watch(sessionId, promptId);
    if (keep) console.log(sessionId);
    return code;
  } finally {
    if (!keep) {
      await client.sessions.stop.mutate({ id: sessionId });
      await client.sessions.remove.mutate({ id: sessionId });
    }
  }
}

/** Follows the session until the prompt's turn is over. Returns the exit code. */
async function watch(sessionId: string, promptId: string): Promise<number> {
  const spoken = new Set<string>();
  let told = "";
  for await (const event of followEvents(client, { sessionId })) {
    switch (event.type) {
      case "session.status":
        if (event.data.step) console.error(`starting: ${event.data.step}`);
        if (event.data.status === "error" || event.data.status === "stopped") {
          console.error(`${event.data.status}: ${event.data.reason?.message ?? ""}`);
          return 1;
        }
        break;
      case "message.started":
        if (event.data.role === "assistant") spoken.add(event.data.messageId);
        break;
      case "part.started":
        if (event.data.kind === "text" && spoken.has(event.data.messageId)) {
          spoken.add(event.data.partId);
          process.stdout.write(event.data.text ?? "");
        }
        break;
      case "part.delta":
        if (spoken.has(event.data.partId)) process.stdout.write(event.data.text);
        break;
      case "part.ended":
        if (spoken.has(event.data.partId)) process.stdout.write("\n");
        break;
      case "tool.ended":
        console.log(`[${event.data.tool}] ${event.data.title}: ${event.data.error ?? event.data.status}`);
        break;
      case "request.opened":
        await answer(sessionId, event);
        break;
      // The model is asked again by itself, which may take minutes: nothing else is heard of it meanwhile.
      case "retry.scheduled":
      case "error":
        told = event.data.message;
        console.error(told);
        break;
      // Refused by the agent, or stopped before it began: no turn will end.
      case "prompt.cancelled":
        if (event.data.promptId !== promptId) break;
        console.error(`The prompt was cancelled: ${event.data.reason ?? "send it again."}`);
        return 1;
      case "turn.ended":
        if (event.data.promptId !== promptId) break;
        if (event.data.error && event.data.error.message !== told) console.error(event.data.error.message);
        return event.data.outcome === "done" ? 0 : 1;
      default:
        break;
    }
  }
  return 1;
}

/** Allows what waits, once; a real script would look at `detail` and `patterns` first. */
async function answer(
  sessionId: string,
  event: Extract<SessionEvent, { type: "request.opened" }>,
): Promise<void> {
  console.log(`[asks] ${event.data.title}`);
  // The events are history too: only what is still open can be answered.
  const open = await client.requests.list.query({ sessionId, open: true });
  for (const request of open.items) {
    if (request.kind === "question") {
      const answers = (request.questions ?? []).map(({ options }) =>
        options.slice(0, 1).map(({ label }) => label),
      );
      await client.requests.respond.mutate({ id: request.id, answers });
    } else {
      await client.requests.respond.mutate({ id: request.id, reply: "once" });
    }
  }
}
