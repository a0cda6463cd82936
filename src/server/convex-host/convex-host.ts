import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { GenericSchema, SchemaDefinition } from "convex/server";
import { installRuntime } from "./call";
import { createCommitClock } from "./commit-clock";
import { createExecute, type HostLog, type Outcome } from "./execute";
import { readFunctions } from "./functions";
import { createHttpApi, questionOfNode, questionOfRequest, writeAnswer } from "./http-api";
import { createTokenVerifier, type AuthConfig } from "./identity";
import { createLiveQueries } from "./live-queries";
import { readSchema } from "./schema";
import { createSlots } from "./slots";
import { createSockets } from "./sockets";
import { createStore } from "./store";
import { createSyncSession } from "./sync-session";

export interface ConvexHostOptions {
  /** What `defineSchema` gave. */
  schema: SchemaDefinition<GenericSchema, boolean>;
  /** What each module exports, by its path, such as `messages` or `admin/people`. */
  modules: Record<string, Record<string, unknown>>;
  auth: AuthConfig;
  /** Such as `/convex`; no slash at the end. */
  mountPath: string;
  log: HostLog;
}

/**
 * An embedded host of Convex functions, for the official clients: queries live over sockets, queries and mutations over
 * HTTP. Data is in memory and gone with the process. A function reads the real clock and real random numbers, where Convex
 * fixes them for each call: they belong to the whole process. Functions are trusted: a loop without end in one stops all.
 */
export interface ConvexHost {
  /** For `new ConvexHttpClient(url, { fetch })` in this process: no socket is opened. */
  fetch: typeof globalThis.fetch;
  /** Everything below the mount path. Resolves when it is answered. */
  handleRequest(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** `{mountPath}/api/<version>/sync`. Whether the page's origin may do so is for the caller to check before. */
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends all sockets. */
  close(): Promise<void>;
}

const SYNC = /^\/api\/[^/]+\/sync$/;

/** @throws HostError `unsupported` when schema or functions need what this host does not have */
export function createConvexHost({ schema: definition, modules, auth, mountPath, log }: ConvexHostOptions) {
  installRuntime();
  const schema = readSchema(definition);
  const functions = readFunctions(modules, { schema });
  const [slots, commits] = [createSlots(), createCommitClock()];
  const execute = createExecute({ schema, store: createStore(schema), functions, log });
  const live = createLiveQueries({ execute, slots, now: commits.latest });
  const verify = createTokenVerifier(auth);

  const mutate = (request: Parameters<typeof execute>[1]): Promise<Outcome> =>
    slots.mutation(async () => {
      const { outcome, changedKeys } = await execute("mutation", request);
      if (outcome.ok && changedKeys.length > 0) {
        commits.next();
        live.touch(changedKeys);
      }
      return outcome;
    });
  const query = (request: Parameters<typeof execute>[1]): Promise<Outcome> =>
    slots.batch(async () => (await execute("query", request)).outcome);

  const answer = createHttpApi({
    mountPath,
    verify,
    run: (kind, request) => (kind === "mutation" ? mutate(request) : query(request)),
  });
  const sockets = createSockets({
    log,
    nowMs: () => performance.now(),
    open: (channel) => createSyncSession({ channel, live, commits, verify, log, nowMs: Date.now }),
  });

  const host: ConvexHost = {
    async fetch(input, init) {
      const { status, contentType, text } = await answer(await questionOfRequest(new Request(input, init)));
      return new Response(text, { status, headers: { "content-type": contentType } });
    },
    handleRequest: async (req, res) => writeAnswer(res, await answer(questionOfNode(req))),
    handleUpgrade(req, socket, head) {
      const path = req.url?.split("?")[0] ?? "";
      const isSync = path.startsWith(`${mountPath}/`) && SYNC.test(path.slice(mountPath.length));
      if (isSync) sockets.upgrade(req, socket, head);
      else socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    },
    close: sockets.close,
  };
  return host;
}
