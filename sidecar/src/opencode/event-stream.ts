import { request } from "node:http";
import { z } from "zod";
import { agentEvent, type AgentEvent } from "./wire";

/** Events of types that we do not act on do not parse, and are left out. */
const envelope = z.object({ payload: agentEvent });

/** opencode repeats every durable event behind its live form; ours are the live ones. */
const SYNC_COPY = '"payload":{"type":"sync"';
/** Heartbeats come every 10 s; without any sign for this long the connection is dead. */
const SILENCE_MS = 35_000;

export interface EventStreamOptions {
  /** Such as `http://127.0.0.1:4096`. */
  baseUrl: string;
  authorization: string;
  /** What it throws goes to {@link onError}; the stream goes on with the next event. */
  onEvent: (event: AgentEvent) => void;
  onError: (error: unknown, event: AgentEvent) => void;
  /** Called once, when a connected stream has ended for whatever reason but {@link EventStream.close}. */
  onEnd: (reason: string) => void;
}

/** opencode's `/global/event`, read line by line; there is no replay, so whoever loses it reads the history. */
export class EventStream {
  readonly #abort = new AbortController();

  /** Resolves when opencode has confirmed the subscription: events from then on are delivered. Rejects when it does not. */
  static async connect(options: EventStreamOptions): Promise<EventStream> {
    const stream = new EventStream();
    await stream.#run(options);
    return stream;
  }

  close(): void {
    this.#abort.abort();
  }

  #run(options: EventStreamOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      let state: "connecting" | "connected" | "ended" = "connecting";
      const end = (reason: string) => {
        const before = state;
        state = "ended";
        if (before === "connecting") reject(new Error(reason));
        if (before === "connected" && !this.#abort.signal.aborted) options.onEnd(reason);
      };
      const headers = { authorization: options.authorization, accept: "text/event-stream" };
      const call = request(`${options.baseUrl}/global/event`, {
        headers,
        signal: this.#abort.signal,
        timeout: SILENCE_MS,
      });
      call.once("error", (error) => end(error.message));
      call.once("timeout", () => call.destroy(new Error("no sign of life")));
      call.once("response", (response) => {
        if (response.statusCode !== 200) return end(`HTTP ${response.statusCode}`);
        const take = lineReader((line) => {
          if (state === "connecting" && line.includes('"server.connected"')) {
            state = "connected";
            resolve();
          }
          const event = eventOf(line);
          if (event) handOver(event, options);
        });
        response.setEncoding("utf8").on("data", take);
        response.once("error", (error) => end(error.message));
        response.once("close", () => end("the stream ended"));
      });
      call.end();
    });
  }
}

/** One event that cannot be dealt with must not cost the others, nor the process. */
function handOver(event: AgentEvent, options: Pick<EventStreamOptions, "onEvent" | "onError">): void {
  try {
    options.onEvent(event);
  } catch (error) {
    options.onError(error, event);
  }
}

/** Splits a stream of text into lines, without looking twice at what was searched before. */
function lineReader(onLine: (line: string) => void): (text: string) => void {
  let parts: string[] = [];
  return (text) => {
    const lines = text.split("\n");
    const last = lines.pop() ?? "";
    for (const line of lines) {
      parts.push(line);
      onLine(parts.join(""));
      parts = [];
    }
    if (last) parts.push(last);
  };
}

function eventOf(line: string): AgentEvent | null {
  if (!line.startsWith("data:") || line.lastIndexOf(SYNC_COPY, 400) >= 0) return null;
  const parsed = envelope.safeParse(jsonOf(line.slice("data:".length)));
  return parsed.success ? parsed.data.payload : null;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not an event of this version: the schema refuses it.
    return null;
  }
}
