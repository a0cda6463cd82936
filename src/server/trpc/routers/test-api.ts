/** For tests: the API of sessions and requests over real HTTP and a real database, without an engine. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { pino } from "pino";
import { z } from "zod";
import { loadAuthSettings } from "../../auth/auth-settings";
import { PASSWORD } from "../../auth/test-accounts";
import { composeAccounts } from "../../compose-accounts";
import type { Role } from "../../db/schema";
import { testDatabase, type TestDatabase } from "../../db/testing";
import { createEventLog, type EventLog } from "../../events/event-log";
import { createTrpcRoute } from "../../http/trpc-handler";
import { createRequests, type Requests } from "../../requests/requests";
import type { Services } from "../../services";
import type { Lifecycle } from "../../sessions/lifecycle";
import { createSessions } from "../../sessions/sessions";
import { createSettings } from "../../settings";
import { createTimelines } from "../../sessions/timelines";

const answerBody = z.union([
  z.object({ result: z.object({ data: z.record(z.string(), z.unknown()) }) }),
  z.object({
    error: z.object({ message: z.string(), data: z.object({ code: z.string(), reason: z.string() }) }),
  }),
]);

/** What a call gave: the output, or the error as it is on the wire. */
export interface Answer {
  data?: Record<string, unknown>;
  code?: string;
  reason?: string;
  message?: string;
}

/** A person with a token. */
export interface Person {
  userId: string;
  query(path: string, input: unknown): Promise<Answer>;
  mutate(path: string, input: unknown): Promise<Answer>;
  /** Server-sent events of `sessions.events`, as text. Whoever opens one cancels it or reads to its end. */
  events(id: string): Promise<ReadableStreamDefaultReader<string>>;
}

export interface TestApi {
  t: TestDatabase;
  log: EventLog;
  requests: Requests;
  /** Sessions whose open terminals were looked at again. */
  rechecked: string[];
  /** Sessions that somebody said to look at. */
  seen: string[];
  person(name: string, role?: Role): Promise<Person>;
  close(): Promise<void>;
}

export async function serveTestApi(): Promise<TestApi> {
  const t = testDatabase();
  const quiet = pino({ level: "silent" });
  const log = createEventLog(t);
  const accounts = composeAccounts({
    ...t,
    dataDir: tmpdir(),
    authSettings: loadAuthSettings(t.db, { publicUrl: null, identityProviders: [] }),
  });
  const rechecked: string[] = [];
  const seen: string[] = [];
  const requests = createRequests({ ...t, log, logger: quiet, clientOf: () => null });
  const idle = { seen: (id: string) => void seen.push(id), watch: () => () => undefined };
  const sessions = createSessions({
    ...t,
    log,
    // What starts and stops containers is not called.
    lifecycle: {} as Lifecycle,
    timelines: createTimelines(log),
    models: { resolve: () => ({}) as never },
    idle,
    recheckAccess: (id) => void rechecked.push(id),
  });
  const services: Partial<Services> = { ...accounts, sessions, requests, settings: createSettings(t) };
  const route = createTrpcRoute(services as Services);
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url ?? "/", "http://localhost");
    void route.handle(req, res, { requestId: "req_1", ip: "127.0.0.1", pathname, log: quiet });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Listening on a port, so it is not the name of a socket.
  const { port } = server.address() as AddressInfo;
  return {
    t,
    log,
    requests,
    rechecked,
    seen,
    async person(name, role = "member") {
      const { userId } = await accounts.people.create({
        email: `${name}@example.test`,
        name,
        role,
        password: PASSWORD,
      });
      const { token } = accounts.tokens.create({ userId, name: "test" });
      return caller({ userId, token, url: `http://127.0.0.1:${port}/api/trpc` });
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      t[Symbol.dispose]();
    },
  };
}

function caller({ userId, token, url }: { userId: string; token: string; url: string }): Person {
  const headers = { authorization: `Bearer ${token}` };
  const get = (path: string, input: unknown) =>
    fetch(`${url}/${path}?input=${encodeURIComponent(JSON.stringify(input))}`, { headers });
  return {
    userId,
    query: async (path, input) => answerOf(await get(path, input)),
    async mutate(path, input) {
      const response = await fetch(`${url}/${path}`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(input),
      });
      return answerOf(response);
    },
    async events(id) {
      const response = await get("sessions.events", { id, afterSeq: 0 });
      if (!response.body) throw new Error("The stream has no body.");
      return response.body.pipeThrough(new TextDecoderStream()).getReader();
    },
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const body = answerBody.parse(await response.json());
  return "result" in body ? body.result : { ...body.error.data, message: body.error.message };
}
