import { createOpencodeClient, type OpencodeClient } from "@opencode-ai/sdk/v2/client";
import { Agent, fetch as undiciFetch } from "undici";
import type { ModelRef } from "../contract";
import { REQUEST_ID_HEADER, type RequestReply } from "../protocol";
import { SidecarError } from "../errors";
import { currentRequestId } from "../request-scope";
import {
  agentHistory,
  agentStatuses,
  type AgentEvent,
  type AgentHistory,
  waitingPermissions,
  waitingQuestions,
} from "./wire";

/** Messages that are looked at after a turn or a gap in the events; a turn seldom has more. */
const HISTORY_LIMIT = 200;
const CALL_LIMIT_MS = 30_000;

export interface PromptInput {
  text: string;
  model: ModelRef;
  agent: string;
  effort?: string | undefined;
  attachments: readonly { name: string; mime: string; dataUrl: string }[];
}

/** A call's answer as the SDK gives it. */
interface SdkAnswer {
  data?: unknown;
  error?: unknown;
  response?: Response;
}

/**
 * The fixed list of calls that we make of opencode, for one conversation in one directory. Errors are `agent_failed`, or
 * `agent_silent` when no answer came.
 */
export class AgentClient {
  readonly #api: OpencodeClient;
  readonly #agent: Agent;
  readonly #sessionId: string;
  readonly #directory: string;
  readonly baseUrl: string;
  readonly authorization: string;
  /** The conversation exists and its events come in; wait for it before acting in it. Set by whoever makes the client. */
  prepared: Promise<void> = Promise.resolve();

  constructor(options: { port: number; password: string; sessionId: string; directory: string }) {
    this.baseUrl = `http://127.0.0.1:${options.port}`;
    this.authorization = `Basic ${Buffer.from(`opencode:${options.password}`).toString("base64")}`;
    this.#sessionId = options.sessionId;
    this.#directory = options.directory;
    // A shell command answers when it ends, which may take hours.
    this.#agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 4000 });
    this.#api = createOpencodeClient({
      baseUrl: this.baseUrl,
      directory: options.directory,
      headers: { authorization: this.authorization },
      fetch: agentFetch(this.#agent),
    });
  }

  /** Makes the conversation, or finds it: the id is ours. A title spares the model call that would invent one. */
  async ensureSession(title: string): Promise<void> {
    const location = { directory: this.#directory };
    await done("create session", this.#api.v2.session.create({ id: this.#sessionId, location }));
    await this.rename(title);
  }

  async rename(title: string): Promise<void> {
    await done(
      "rename session",
      this.#api.session.update({ sessionID: this.#sessionId, title: title || "Session" }),
    );
  }

  async prompt(input: PromptInput): Promise<void> {
    const files = input.attachments.map((file) => ({
      type: "file" as const,
      mime: file.mime,
      filename: file.name,
      url: file.dataUrl,
    }));
    const request = {
      sessionID: this.#sessionId,
      model: { providerID: input.model.providerId, modelID: input.model.modelId },
      agent: input.agent,
      ...(input.effort ? { variant: input.effort } : {}),
      parts: [{ type: "text" as const, text: input.text }, ...files],
    };
    await done("prompt", this.#api.session.promptAsync(request));
  }

  /** Resolves when the command has ended. */
  async shell(input: { command: string; model: ModelRef; agent: string }): Promise<void> {
    const model = { providerID: input.model.providerId, modelID: input.model.modelId };
    const request = { sessionID: this.#sessionId, agent: input.agent, command: input.command, model };
    await done("shell", this.#api.session.shell(request));
  }

  async abort(): Promise<void> {
    await done("abort", this.#api.session.abort({ sessionID: this.#sessionId }));
  }

  /** Whether opencode says that the conversation is at work. */
  async isBusy(): Promise<boolean> {
    const statuses = agentStatuses.parse(await done("status", this.#api.session.status({})));
    return (statuses[this.#sessionId]?.type ?? "idle") !== "idle";
  }

  /** The last messages with their parts, oldest first. @param sessionId of the conversation, or of one of its sub-agents */
  async history(sessionId: string): Promise<AgentHistory> {
    const answer = await done(
      "messages",
      this.#api.session.messages({ sessionID: sessionId, limit: HISTORY_LIMIT }),
    );
    return agentHistory.parse(answer);
  }

  /** What opencode waits for an answer to, as the events that told of it: some may have been missed. */
  async waiting(): Promise<AgentEvent[]> {
    const permissions = waitingPermissions.parse(await done("permissions", this.#api.permission.list({})));
    const questions = waitingQuestions.parse(await done("questions", this.#api.question.list({})));
    return [
      ...permissions.map((properties) => ({ type: "permission.asked" as const, properties })),
      ...questions.map((properties) => ({ type: "question.asked" as const, properties })),
    ];
  }

  /** False when opencode does not wait for this answer any more. @param agentId opencode's own id: `per_…` or `que_…` */
  async reply(agentId: string, reply: RequestReply): Promise<boolean> {
    if (agentId.startsWith("que_")) {
      const call =
        "answers" in reply
          ? this.#api.question.reply({ requestID: agentId, answers: reply.answers })
          : this.#api.question.reject({ requestID: agentId });
      return found("answer question", call);
    }
    if ("answers" in reply) {
      throw new SidecarError("bad_request", "This request wants once, always or reject as its answer.");
    }
    const message = reply.message ? { message: reply.message } : {};
    return found(
      "answer permission",
      this.#api.permission.reply({ requestID: agentId, reply: reply.reply, ...message }),
    );
  }

  /** Makes opencode read its configuration again; running tools end, so only between turns. */
  async reload(): Promise<void> {
    await done("reload", this.#api.instance.dispose({}));
  }

  /**
   * Makes opencode load its providers now. Otherwise the first turn does, and a turn that is stopped while it loads leaves
   * them broken for every later one ("All fibers interrupted"), part of them until opencode is started again.
   */
  async loadProviders(): Promise<void> {
    await done("load providers", this.#api.config.providers({}));
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/**
 * The SDK hands over a whole Request of the global fetch; undici's own takes its pieces, with our dispatcher.
 * Only a shell command may take as long as it likes. A call that a person's request led to carries its id.
 */
function agentFetch(dispatcher: Agent): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const body = request.body === null ? null : new Uint8Array(await request.arrayBuffer());
    const headers = [...request.headers].map(([name, value]): [string, string] => [name, value]);
    const requestId = currentRequestId();
    if (requestId !== null) headers.push([REQUEST_ID_HEADER, requestId]);
    const signal = new URL(request.url).pathname.endsWith("/shell")
      ? null
      : AbortSignal.timeout(CALL_LIMIT_MS);
    const answer = await undiciFetch(request.url, {
      method: request.method,
      headers,
      body,
      signal,
      dispatcher,
    });
    // Both are the same standard; only the declared types have two origins.
    return answer as unknown as Response;
  };
}

/** @throws SidecarError `agent_silent` for a call that ended without an answer: a time-out, a connection that broke. */
async function settle(what: string, call: Promise<SdkAnswer>): Promise<SdkAnswer> {
  const answer = await call.catch((cause: unknown) => {
    throw silent(what, cause);
  });
  if (answer.error !== undefined && answer.response === undefined) throw silent(what, answer.error);
  return answer;
}

async function done(what: string, call: Promise<SdkAnswer>): Promise<unknown> {
  const answer = await settle(what, call);
  if (answer.error === undefined && answer.response?.ok !== false) return answer.data;
  throw failed(what, answer.error ?? answer.response?.status);
}

async function found(what: string, call: Promise<SdkAnswer>): Promise<boolean> {
  const answer = await settle(what, call);
  if (answer.response?.status === 404) return false;
  if (answer.error !== undefined) throw failed(what, answer.error);
  return true;
}

function failed(what: string, cause: unknown): SidecarError {
  const sentence = "The agent did not do what it was asked: try again, or restart the session.";
  return new SidecarError("agent_failed", sentence, detailOf(what, cause), { cause });
}

function silent(what: string, cause: unknown): SidecarError {
  const sentence = "The agent gave no answer: try again, or restart the session.";
  return new SidecarError("agent_silent", sentence, detailOf(what, cause), { cause });
}

function detailOf(what: string, cause: unknown): string {
  return `${what}: ${cause instanceof Error ? cause.message : JSON.stringify(cause)}`;
}
