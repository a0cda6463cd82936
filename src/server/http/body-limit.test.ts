import { type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { manualClock } from "../clock.testing";
import { AppError } from "../errors";
import { createDispatcher, type RequestRoute } from "./dispatcher";
import { createHttpServer, type HttpServer } from "./http-server";
import { createOrigins } from "./origins";

const KIB = 1024;
const LIMIT = 64 * KIB;

interface Answer {
  status: number;
  body: string;
}

/** Handlers read in every way there is; none of them counts. */
describe("the limit of a request's body", () => {
  let server: HttpServer;
  let port: number;
  /** Bytes that a handler got to see. */
  let seen: number;
  let ended: Promise<unknown>[];
  const lines: string[] = [];

  const count = (chunk: Buffer) => void (seen += chunk.length);
  const answerSeen = (res: ServerResponse) => void res.end(String(seen));
  const readers: Record<string, (req: IncomingMessage, res: ServerResponse) => void | Promise<void>> = {
    "/listener": (req, res) => void req.on("data", count).on("end", () => answerSeen(res)),
    "/loop": async (req, res) => {
      for await (const chunk of req) count(chunk as Buffer);
      answerSeen(res);
    },
    "/late": async (req, res) => {
      await new Promise(setImmediate);
      count(Buffer.from(await text(req)));
      answerSeen(res);
    },
  };

  beforeEach(async () => {
    [seen, ended, lines.length] = [0, [], 0];
    const routes: RequestRoute[] = Object.entries(readers).map(([prefix, read]) => ({
      prefix,
      maxBodyBytes: LIMIT,
      handle(req, res) {
        const work = Promise.resolve(read(req, res));
        ended.push(work.catch(() => undefined));
        return work;
      },
    }));
    const refuses = () => {
      throw new AppError("FORBIDDEN", "not_allowed", "No.");
    };
    routes.push(
      { prefix: "/usual", handle: readers["/listener"] ?? refuses },
      { prefix: "/refuses", handle: refuses },
    );
    const log = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
    const late: { request?: ReturnType<typeof createDispatcher> } = {};
    server = createHttpServer({
      request: (req, res) => late.request?.(req, res),
      upgrade: (_req, socket) => socket.destroy(),
    });
    port = await server.listen({ host: "127.0.0.1", port: 0 });
    const origins = createOrigins({ publicUrl: null, port });
    late.request = createDispatcher({ routes, origins, clock: manualClock(), log });
  });
  afterEach(() => server.close());

  function post(path: string, bytes: number, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const req = httpRequest({ port, host: "127.0.0.1", path, method: "POST", headers }, (res) => {
        text(res).then((body) => resolve({ status: res.statusCode ?? 0, body }), reject);
      });
      req.on("error", reject);
      req.end(Buffer.alloc(bytes, "a"));
    });
  }
  const told = (bytes: number) => ({ "content-length": String(bytes) });
  const chunked = { "transfer-encoding": "chunked" };

  describe.each(Object.keys(readers))("for a handler that reads as %s does", (path) => {
    it("lets a body of just that size through, told or in chunks", async () => {
      expect(await post(path, LIMIT, told(LIMIT))).toEqual({ status: 200, body: String(LIMIT) });
      expect(await post(path, LIMIT, chunked)).toEqual({ status: 200, body: String(2 * LIMIT) });
    });

    it("refuses one byte more before a byte is read when the length is told", async () => {
      const { status, body } = await post(path, LIMIT + 1, told(LIMIT + 1));
      expect(status).toBe(413);
      expect(JSON.parse(body)).toMatchObject({
        error: {
          message: "The request is too large. Send at most 64 KiB at once.",
          data: { reason: "too_large", httpStatus: 413 },
        },
      });
      expect(seen).toBe(0);
    });

    it("refuses chunks as soon as they are more, and the handler ends without having had them", async () => {
      const { status, body } = await post(path, 8 * 1024 * KIB, chunked);
      expect(status).toBe(413);
      expect(body).toContain("too_large");
      expect(seen).toBeLessThanOrEqual(LIMIT);
      await Promise.all(ended);
      expect(lines).toEqual([]);
    });
  });

  it("is 1 MiB where a route says nothing", async () => {
    const mib = 1024 * KIB;
    expect((await post("/usual", mib, chunked)).status).toBe(200);
    expect((await post("/usual", mib + 1, chunked)).status).toBe(413);
    expect((await post("/usual", mib + 1, told(mib + 1))).body).toContain("at most 1 MiB");
  });

  it("ends the connection of a peer that goes on sending, and it has the answer by then", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const answer: Buffer[] = [];
    socket.on("data", (chunk) => answer.push(chunk));
    socket.write(`POST /loop HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const chunk = `${(16 * KIB).toString(16)}\r\n${"a".repeat(16 * KIB)}\r\n`;
    const more = () => {
      while (socket.writable && socket.write(chunk));
    };
    socket.on("drain", more);
    more();
    await closed;
    expect(Buffer.concat(answer).toString()).toMatch(/^HTTP\/1.1 413 /);
    expect(seen).toBeLessThanOrEqual(LIMIT);
    await Promise.all(ended);
  });

  it("does not bring the process down when a handler that refused is sent more", async () => {
    const failures = vi.fn();
    process.on("unhandledRejection", failures);
    try {
      expect((await post("/refuses", 4 * 1024 * KIB, chunked)).status).toBe(403);
      await new Promise(setImmediate);
      expect(failures).not.toHaveBeenCalled();
    } finally {
      process.off("unhandledRejection", failures);
    }
  });
});
