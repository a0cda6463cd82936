import { request } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";
import type { StartedWith } from "../../../scripts/lib/server-process.mjs";

/** The server did not do it; the message says why, and is the server's own when it answered. */
export class ServerError extends Error {
  override readonly name = "ServerError";
}

const answer = z.union([
  z.object({ result: z.object({ data: z.unknown() }) }),
  z.object({ error: z.object({ message: z.string() }) }),
]);

/**
 * Calls a procedure of the server that runs here, at its own address, by the name that people type.
 * @throws ServerError
 */
export async function askServer(
  server: Pick<StartedWith, "url" | "localUrl">,
  call: { path: string; method: "GET" | "POST"; token: string; input?: unknown; timeoutMs: number },
): Promise<unknown> {
  const parsed = answer.safeParse(await send(server, call));
  if (!parsed.success) throw new ServerError("Its answer is none of OpenAgent. Look at: npm run logs");
  if ("error" in parsed.data) throw new ServerError(parsed.data.error.message);
  return parsed.data.result.data;
}

function send(
  { url, localUrl }: Pick<StartedWith, "url" | "localUrl">,
  { path, method, token, input, timeoutMs }: Parameters<typeof askServer>[1],
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) =>
      reject(new ServerError(`It does not answer (${why}). Look at: npm run logs`));
    const headers = {
      host: new URL(url).host,
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
    };
    const asked = request(
      `${localUrl}/api/trpc/${path}`,
      { method, headers, timeout: timeoutMs },
      (response) => {
        text(response).then(
          (body) => resolve(parsed(body)),
          (error: unknown) => fail(String(error)),
        );
      },
    );
    asked.once("timeout", () => asked.destroy(new Error("no answer in time")));
    asked.once("error", (error) => fail(error.message));
    asked.end(method === "POST" ? JSON.stringify(input ?? {}) : undefined);
  });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // No JSON: refused below, as the answer of something else.
    return null;
  }
}
