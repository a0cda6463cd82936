/** For tests: a server with the procedures that a client's helpers call, over real HTTP, whose connections a test cuts. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { initTRPC, tracked, TRPCError } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { z } from "zod";
import type { SessionEvent } from "../../sidecar/src/contract";

export const TOKEN = "oa_test";

/** One session's log. */
export class SessionLog {
  readonly events: SessionEvent[] = [];
  /** `afterSeq` of each subscription that was let in. */
  readonly asked: number[] = [];
  removed = false;
  private change = new AbortController();

  append(count: number): void {
    for (let i = 0; i < count; i += 1) {
      const seq = this.events.length + 1;
      const data = { title: `title ${seq}` };
      this.events.push({ seq, at: "2026-11-23T00:00:00.000Z", type: "session.updated", data });
    }
    this.changed();
  }

  remove(): void {
    this.removed = true;
    this.changed();
  }

  async *follow(afterSeq: number, signal: AbortSignal): AsyncGenerator<SessionEvent> {
    this.asked.push(afterSeq);
    let seq = afterSeq;
    while (!this.removed && !signal.aborted) {
      const change = AbortSignal.any([this.change.signal, signal]);
      const event = this.events[seq];
      if (event !== undefined) {
        seq = event.seq;
        yield event;
      } else if (!change.aborted) {
        await new Promise((resolve) => change.addEventListener("abort", resolve, { once: true }));
      }
    }
  }

  private changed(): void {
    const before = this.change;
    this.change = new AbortController();
    before.abort();
  }
}

export interface TestServer {
  url: string;
  /** Breaks every connection; new ones are taken. */
  cut(): void;
  close(): Promise<void>;
}

export async function serve(log: SessionLog, port = 0): Promise<TestServer> {
  const server = createServer(
    createHTTPHandler({
      router: routerOf(log),
      basePath: "/api/trpc/",
      createContext: ({ req }) => ({ authorization: req.headers.authorization }),
    }),
  );
  const address = await listening(server, port);
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut: () => server.closeAllConnections(),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

export async function listening(server: Server, port = 0): Promise<AddressInfo> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server listens on no port.");
  return address;
}

function routerOf(log: SessionLog) {
  const t = initTRPC.context<{ authorization: string | undefined }>().create();
  const guarded = t.procedure.use(({ ctx, next }) => {
    if (ctx.authorization !== `Bearer ${TOKEN}`)
      throw new TRPCError({ code: "UNAUTHORIZED", message: "Who are you?" });
    if (log.removed) throw new TRPCError({ code: "NOT_FOUND", message: "There is no such session." });
    return next();
  });
  const from = z.object({ id: z.string(), afterSeq: z.number(), lastEventId: z.string().nullish() });
  return t.router({
    sessions: t.router({
      get: guarded.input(z.object({ id: z.string() })).query(({ input }) => input),
      events: guarded.input(from).subscription(async function* ({ input, signal }) {
        const afterSeq = input.lastEventId ? Number(input.lastEventId) : input.afterSeq;
        const events = log.follow(afterSeq, signal ?? new AbortController().signal);
        for await (const event of events) yield tracked(String(event.seq), event);
      }),
    }),
  });
}
