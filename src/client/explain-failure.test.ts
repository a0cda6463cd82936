import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { TRPCClientError } from "@trpc/client";
import { describe, expect, it } from "vitest";
import { makeCertificate } from "../server/keys/provider-stand-in.testing";
import { createClient } from "./client";
import { explainFailure } from "./explain-failure";
import { TerminalClosedError } from "./terminal-error";
import { listening, serve, SessionLog, TOKEN } from "./testing";

const certificate = makeCertificate(["localhost"]);

/** The sentence for a call that fails. */
async function sentenceFor(url: string, token = TOKEN): Promise<string> {
  const failure = await createClient({ url, token })
    .sessions.get.query({ id: "ses_1" })
    .then(() => null)
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(TRPCClientError);
  return explainFailure(failure, { url });
}

describe("explainFailure", () => {
  it("gives the server's own sentence for a bad token and for what is not there", async () => {
    const log = new SessionLog();
    const server = await serve(log);
    try {
      expect(await sentenceFor(server.url, "oa_wrong")).toBe("Who are you?");
      log.remove();
      expect(await sentenceFor(server.url)).toBe("There is no such session.");
    } finally {
      await server.close();
    }
  });

  it("says where it looked when no server answers", async () => {
    const server = await serve(new SessionLog());
    await server.close();
    expect(await sentenceFor(server.url)).toBe(
      `No server answers at ${server.url}: start it with npm run up, or set OPENAGENT_URL.`,
    );
  });

  it.each<[string, RequestListener]>([
    ["a page", (_req, res) => res.end("<html>Hello</html>")],
    ["JSON of another kind", (_req, res) => res.end("{}")],
  ])("says so when another program answers with %s", async (_what, listener) => {
    const other = createServer(listener);
    const { port } = await listening(other);
    const url = `http://127.0.0.1:${port}`;
    try {
      expect(await sentenceFor(url)).toMatch(`What answers at ${url} is not OpenAgent`);
    } finally {
      other.closeAllConnections();
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it.skipIf(certificate === null)("says so when the server's certificate is not trusted", async () => {
    const server = createTlsServer(certificate ?? {}, (_req, res) => res.end("{}"));
    const { port } = await listening(server);
    const url = `https://localhost:${port}`;
    try {
      expect(await sentenceFor(url)).toMatch(
        /^The certificate of \S+ is not trusted here \(DEPTH_ZERO_SELF_SIGNED_CERT\)\..* NODE_EXTRA_CA_CERTS=/,
      );
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("tells how a terminal went away, and keeps the stack of a mistake in the script", () => {
    const url = "http://127.0.0.1:3000";
    expect(explainFailure(new TerminalClosedError("unavailable", "The session stopped."), { url })).toBe(
      "The session stopped.",
    );
    const mistake = new TypeError("x is not a function");
    expect(explainFailure(mistake, { url })).toBe(mistake.stack);
  });
});
