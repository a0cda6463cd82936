import { createClient, followEvents, type OpenAgentClient } from "../src/client/index";
import { z } from "zod";
import { OWNER, post, startProduct } from "../e2e/harness";
import { signIn } from "../e2e/sign-in-by-hand";
import type { SessionEvent } from "../sidecar/src/contract";
import type { BenchContext } from "./context";
import { SCRIPTED_MODEL, type ScriptedModel } from "./scripted-model";

const PROVIDER = "bench";

export interface BenchProduct {
  client: OpenAgentClient;
  url: string;
  token: string;
  /** Of a signed-in browser, `name=value`. */
  cookie: string;
  /** Prefix of its containers. */
  instance: string;
  dataDir: string;
  /** Stops the server, lets `act` have its data directory, and starts it again. */
  whileStopped(act: (dataDir: string) => void): Promise<void>;
  close(): Promise<void>;
}

const createdToken = z.object({ result: z.object({ data: z.object({ token: z.string() }) }) });

/** The built product, claimed, with a client that may use every call the figures need. The caller closes it. */
export async function startBenchProduct(
  ctx: BenchContext,
  env: Record<string, string> = {},
): Promise<BenchProduct> {
  const product = await startProduct({ OPENAGENT_SESSION_IMAGE: ctx.image, ...env });
  const close = ctx.cleanup.add(() => product.close());
  try {
    const cookie = await signIn(product.url, OWNER);
    const scopes = ["sessions:read", "sessions:write", "keys"];
    const made = await post(product.url, "account.tokens.create", { name: "bench", scopes }, { cookie });
    const token = createdToken.parse(await made.json()).result.data.token;
    const { url, instance, dataDir } = product;
    const whileStopped = async (act: (dataDir: string) => void) => {
      await product.stop();
      act(product.dataDir);
      await product.start();
    };
    return {
      url,
      token,
      cookie,
      instance,
      dataDir,
      whileStopped,
      close,
      client: createClient({ url, token }),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Lets the owner use a scripted model. @returns what sessions name it by */
export async function addScriptedProvider(
  client: OpenAgentClient,
  model: ScriptedModel,
): Promise<{ providerId: string; modelId: string }> {
  await client.keys.upsert.mutate({
    providerId: PROVIDER,
    key: "bench-key",
    scope: "me",
    baseUrl: model.baseUrl,
    name: "Bench",
    models: [SCRIPTED_MODEL],
  });
  return { providerId: PROVIDER, modelId: SCRIPTED_MODEL };
}

/**
 * Follows a new session until it is agent-ready (status `idle`), by its events.
 * @returns the status events seen, the last being `idle`
 * @throws Error with the session's reason when it fails instead
 */
export async function untilReady(client: OpenAgentClient, sessionId: string): Promise<StatusEvent[]> {
  const isStatus = (event: SessionEvent): event is StatusEvent => event.type === "session.status";
  const seen = await eventsUntil(client, sessionId, (event) => {
    if (!isStatus(event)) return false;
    const { status, reason } = event.data;
    if (status === "error") throw new Error(`The session failed: ${reason?.message} ${reason?.detail ?? ""}`);
    return status === "idle";
  });
  return seen.filter(isStatus);
}

/** @returns the session's events from its beginning to the first that `isLast` says yes to */
export async function eventsUntil(
  client: OpenAgentClient,
  sessionId: string,
  isLast: (event: SessionEvent) => boolean,
): Promise<SessionEvent[]> {
  const stop = new AbortController();
  const seen: SessionEvent[] = [];
  try {
    for await (const event of followEvents(client, { sessionId, afterSeq: 0, signal: stop.signal })) {
      seen.push(event);
      if (isLast(event)) return seen;
    }
  } finally {
    stop.abort();
  }
  throw new Error("The session's events ended too early.");
}

export type StatusEvent = Extract<SessionEvent, { type: "session.status" }>;
