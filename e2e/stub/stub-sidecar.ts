/**
 * Takes the sidecar's place in the containers of sessions that only have to be many: registers as the sidecar does, has no
 * agent, and is ready at once. A prompt `flood N S` sends N events a second for S seconds. Its spool is in memory.
 */
import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { bearerMatches } from "../../sidecar/src/auth/bearer";
import { readBootLine } from "../../sidecar/src/boot-line";
import { type SidecarEventBody, spoolPosition } from "../../sidecar/src/contract";
import { PATHS } from "../../sidecar/src/image-places";
import {
  type BootLine,
  CONTRACT_VERSION,
  offerRequest,
  promptRequest,
  type RegistrationPayload,
  sealedMessage,
} from "../../sidecar/src/protocol";
import { Registration } from "../../sidecar/src/registration/registration";
import { floodText, parseFlood } from "./flood-script";

const VERSION = "0.0.0-stub";
const HEARTBEAT = '{"kind":"heartbeat"}\n';
const HEARTBEAT_MS = 3000;
/** As many events as one line of the stream may hold. */
const MOST_IN_A_LINE = 1000;

/** What was sent and is not yet acknowledged, by number. */
class Spool {
  readonly #lines: string[] = [];
  readonly #readers = new Set<ServerResponse>();
  #forgotten = 0;
  epoch = 0;

  append({ type, data }: SidecarEventBody): void {
    const n = this.#forgotten + this.#lines.length + 1;
    const line = JSON.stringify({ epoch: this.epoch, n, at: new Date().toISOString(), type, data });
    this.#lines.push(line);
    for (const reader of this.#readers) reader.write(`{"kind":"events","events":[${line}]}\n`);
  }

  forget(position: { epoch: number; n: number }): void {
    if (position.epoch !== this.epoch) return;
    this.#lines.splice(0, position.n - this.#forgotten);
    this.#forgotten = Math.max(this.#forgotten, position.n);
  }

  stream(after: { epoch: number; n: number }, reader: ServerResponse): void {
    reader.writeHead(200, { "content-type": "application/x-ndjson" }).write(HEARTBEAT);
    const from = after.epoch === this.epoch ? after.n - this.#forgotten : 0;
    for (let at = from; at < this.#lines.length; at += MOST_IN_A_LINE)
      reader.write(`{"kind":"events","events":[${this.#lines.slice(at, at + MOST_IN_A_LINE).join(",")}]}\n`);
    const heartbeat = setInterval(() => reader.write(HEARTBEAT), HEARTBEAT_MS);
    this.#readers.add(reader);
    reader.once("close", () => {
      clearInterval(heartbeat);
      this.#readers.delete(reader);
    });
  }
}

/** One turn at a time, as a sidecar has. */
class Turns {
  readonly #known = new Map<string, string>();

  constructor(readonly spool: Spool) {}

  submit(promptId: string, text: string): { turnId: string } {
    const known = this.#known.get(promptId);
    if (known !== undefined) return { turnId: known };
    const turnId = `turn_${this.#known.size + 1}`;
    this.#known.set(promptId, turnId);
    void this.#run({ turnId, promptId }, parseFlood(text));
    return { turnId };
  }

  async #run(
    turn: { turnId: string; promptId: string },
    flood: ReturnType<typeof parseFlood>,
  ): Promise<void> {
    const messageId = `msg_${turn.turnId}`;
    const part = { messageId, partId: `prt_${turn.turnId}` };
    const model = { providerId: "demo", modelId: "demo-1" };
    this.spool.append({ type: "turn.started", data: turn });
    this.spool.append({
      type: "message.started",
      data: { messageId, role: "assistant", turnId: turn.turnId, model },
    });
    this.spool.append({ type: "part.started", data: { ...part, kind: "text" } });
    const intervalMs = 1000 / flood.perSecond;
    // Somewhere in its interval, so that sessions that were asked at once do not all speak at once.
    const from = performance.now() + Math.random() * intervalMs;
    for (let k = 0; k < flood.perSecond * flood.seconds; k += 1) {
      await until(from + k * intervalMs);
      this.spool.append({ type: "part.delta", data: { ...part, text: floodText(k) } });
    }
    this.spool.append({ type: "part.ended", data: part });
    this.spool.append({ type: "message.ended", data: { messageId, role: "assistant", model } });
    this.spool.append({ type: "turn.ended", data: { ...turn, outcome: "done" } });
  }
}

function until(dueMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
}

type Calls = Record<string, (body: string) => Promise<object>>;

/** Before registration too. */
function openCalls(registration: Registration): Calls {
  return {
    "/health": async () => ({
      contract: CONTRACT_VERSION,
      version: VERSION,
      registered: registration.done,
      agent: registration.done ? "ready" : "starting",
      reason: null,
      turn: null,
    }),
    "/registration/offer": async (body) => registration.offer(offerRequest.parse(JSON.parse(body)).nonce),
    "/registration/complete": async (body) => {
      await registration.complete(sealedMessage.parse(JSON.parse(body)));
      return {};
    },
  };
}

/** With the instance's token. */
function guardedCalls(spool: Spool): Calls {
  const turns = new Turns(spool);
  return {
    "/prompts": async (body) => {
      const { promptId, text } = promptRequest.parse(JSON.parse(body));
      return turns.submit(promptId, text);
    },
    "/events/ack": async (body) => {
      spool.forget(spoolPosition.parse(JSON.parse(body)));
      return {};
    },
    "/abort": async () => ({ aborted: false, known: false }),
    "/terminals": async () => ({ terminals: [] }),
    "/settings": async () => ({}),
    "/credentials": async () => ({}),
  };
}

async function serve(boot: BootLine): Promise<void> {
  const spool = new Spool();
  let bearer: string | null = null;
  const registration = await Registration.create({
    boot,
    version: VERSION,
    onRegistered: async (payload: RegistrationPayload) => {
      spool.epoch = payload.epoch;
      ({ bearer } = payload);
    },
    onExhausted: () => process.exit(1),
  });
  const [open, guarded] = [openCalls(registration), guardedCalls(spool)];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://sidecar");
    const isOurs = bearerMatches(request.headers.authorization, bearer);
    if (pathname === "/events" && isOurs) {
      const after = { epoch: Number(searchParams.get("epoch")), n: Number(searchParams.get("n")) };
      return spool.stream(after, response);
    }
    const call = open[pathname] ?? (isOurs ? guarded[pathname] : undefined);
    if (call === undefined)
      return answer(response, isOurs ? 404 : 401, { code: "not_found", message: "There is no such route." });
    textOf(request)
      .then(call)
      .then(
        (body) => answer(response, 200, body),
        (error: unknown) => answer(response, 400, { code: "bad_request", message: String(error) }),
      );
  });
  await rm(PATHS.sidecarSocket, { force: true });
  await new Promise<void>((resolve) => server.listen(PATHS.sidecarSocket, resolve));
  await chmod(PATHS.sidecarSocket, 0o666);
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8") as AsyncIterable<string>) text += chunk;
  return text;
}

process.on("SIGTERM", () => process.exit(0));
await serve(await readBootLine(process.stdin));
