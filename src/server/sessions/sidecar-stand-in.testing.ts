/** For tests: what answers as a session's sidecar on a unix socket, with a spool in memory and one turn at a time. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SidecarEventBody, type SpoolPosition, spoolPosition } from "../../../sidecar/src/contract";
import { promptRequest } from "../../../sidecar/src/protocol";

export interface SidecarStandIn extends AsyncDisposable {
  socketPath: string;
  /** Texts of the prompts that it took, in order. */
  taken: string[];
  /** How often somebody asked for its events. */
  streams: number;
  /** Goes into the spool and to whoever reads. A type may be one that no contract knows. */
  emit(event: SidecarEventBody | { type: string; data: object }): void;
  /** Writes a line to whoever reads, whatever it says; it is in no spool. */
  say(line: string): void;
  /** Positions that the server said it holds. */
  acknowledged: SpoolPosition[];
  /** Nothing came for a while: whoever reads has all there is. */
  heartbeat(): void;
  /** Ends the running turn, if one runs. */
  endTurn(outcome: "done" | "aborted" | "interrupted"): boolean;
  /** Answers a route before the stand-in does; null leaves it to the stand-in. */
  intercept: (path: string, body: string) => Promise<{ status: number; body: object } | null>;
}

const HEARTBEAT = '{"kind":"heartbeat"}\n';
const BUSY = { status: 409, body: { code: "busy", message: "A turn is running." } };

export async function serveSidecarStandIn(): Promise<SidecarStandIn> {
  const dir = mkdtempSync(join(tmpdir(), "oa-sidecar-"));
  const spool: string[] = [];
  const readers = new Set<ServerResponse>();
  const turnIds = new Map<string, string>();
  let turn: { turnId: string; promptId: string } | null = null;

  const standIn: SidecarStandIn = {
    socketPath: join(dir, "sidecar.sock"),
    taken: [],
    streams: 0,
    emit({ type, data }) {
      const event = { epoch: 1, n: spool.length + 1, at: "2026-11-01T00:00:00.000Z", type, data };
      spool.push(JSON.stringify(event));
      for (const reader of readers) reader.write(`{"kind":"events","events":[${JSON.stringify(event)}]}\n`);
    },
    say(line) {
      for (const reader of readers) reader.write(`${line}\n`);
    },
    acknowledged: [],
    heartbeat() {
      for (const reader of readers) reader.write(HEARTBEAT);
    },
    endTurn(outcome) {
      const ended = turn;
      turn = null;
      if (ended) standIn.emit({ type: "turn.ended", data: { ...ended, outcome } });
      return ended !== null;
    },
    intercept: async () => null,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(dir, { recursive: true, force: true });
    },
  };

  const answer = async (path: string, body: string): Promise<{ status: number; body: object }> => {
    const intercepted = await standIn.intercept(path, body);
    if (intercepted) return intercepted;
    if (path === "/prompts") {
      const { promptId, text } = promptRequest.parse(JSON.parse(body));
      const known = turnIds.get(promptId);
      if (known) return { status: 200, body: { turnId: known } };
      if (turn) return BUSY;
      standIn.taken.push(text);
      turn = { turnId: `turn_${standIn.taken.length}`, promptId };
      turnIds.set(promptId, turn.turnId);
      standIn.emit({ type: "turn.started", data: turn });
      return { status: 200, body: { turnId: turn.turnId } };
    }
    if (path === "/abort") {
      const aborted = standIn.endTurn("aborted");
      return { status: 200, body: { aborted, known: aborted } };
    }
    if (path === "/events/ack") standIn.acknowledged.push(spoolPosition.parse(JSON.parse(body)));
    return { status: 200, body: {} };
  };
  const stream = (after: number, res: ServerResponse) => {
    standIn.streams += 1;
    res.writeHead(200).write(HEARTBEAT);
    const rest = spool.slice(after);
    if (rest.length > 0) res.write(`{"kind":"events","events":[${rest.join(",")}]}\n`);
    readers.add(res);
    res.once("close", () => readers.delete(res));
  };
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? "/", "http://sidecar");
    if (url.pathname === "/events") return stream(Number(url.searchParams.get("n")), res);
    void textOf(req)
      .then((body) => answer(url.pathname, body))
      .then(({ status, body }) => {
        res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      });
  });
  await new Promise<void>((resolve) => server.listen(standIn.socketPath, resolve));
  return standIn;
}

async function textOf(req: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of req.setEncoding("utf8") as AsyncIterable<string>) text += chunk;
  return text;
}
