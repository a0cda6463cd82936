import { existsSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { listenOnSocket, type ListeningServer } from "./http-server";
import { eventually, makeTestSidecar, type TestSidecar } from "./instance.testing";

let sidecar: TestSidecar;
let server: ListeningServer;
afterEach(async () => {
  await server.close();
  await sidecar.close();
});

async function start() {
  sidecar = await makeTestSidecar();
  await writeFile(sidecar.config.socketPath, "left by a process that is gone");
  server = await listenOnSocket(sidecar.config.socketPath, sidecar.app, sidecar.instance);
  await sidecar.register();
}

const attach = (path: string, authorization: string) =>
  new WebSocket(`ws+unix://${sidecar.config.socketPath}:${path}`, { headers: { authorization } });

async function refusal(socket: WebSocket): Promise<number | undefined> {
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode?: number }];
  return response.statusCode;
}

describe("the socket", () => {
  it("replaces a stale file and can be dialled by every uid", async () => {
    await start();
    const { mode } = await stat(sidecar.config.socketPath);
    expect(mode & 0o777).toBe(0o666);
    const response = await new Promise<number | undefined>((resolve, reject) => {
      request({ socketPath: sidecar.config.socketPath, path: "/health" }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      })
        .once("error", reject)
        .end();
    });
    expect(response).toBe(200);
  });

  it("is gone after the end", async () => {
    await start();
    await server.close();
    expect(existsSync(sidecar.config.socketPath)).toBe(false);
    server = { close: () => Promise.resolve() };
  });

  it("ends a reader of events that goes away", async () => {
    await start();
    const { spool } = sidecar.instance;
    let open = 0;
    const readAfter = spool.readAfter.bind(spool);
    spool.readAfter = async function* (...args) {
      open += 1;
      try {
        yield* readAfter(...args);
      } finally {
        open -= 1;
      }
    };
    const headers = { authorization: `Bearer ${sidecar.bearer}` };
    const call = request({
      socketPath: sidecar.config.socketPath,
      path: "/events?epoch=1&n=0",
      headers,
    }).end();
    const [response] = (await once(call, "response")) as [IncomingMessage];
    await once(response, "data");
    await eventually("the reader", () => open === 1);
    call.destroy();
    await eventually("the end of the reader", () => open === 0);
  });
});

describe("connections of others", () => {
  const dial = async () => {
    const socket = connect(sidecar.config.socketPath);
    await once(socket, "connect");
    socket.on("error", () => undefined);
    return socket;
  };
  const ask = (socket: Socket, path: string) =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${sidecar.bearer}\r\n\r\n`);

  it("give way to newer ones, the oldest first; what has carried the token stays", async () => {
    await start();
    const own = await dial();
    ask(own, "/terminals");
    await once(own, "data");
    const strangers: Socket[] = [];
    for (let i = 0; i < 70; i += 1) strangers.push(await dial());
    const closed = () => strangers.map((socket, i) => (socket.closed ? i : -1)).filter((i) => i >= 0);
    await eventually("the oldest are gone", () => closed().length === 6);
    expect(closed()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(own.closed).toBe(false);
    ask(own, "/terminals");
    const [answer] = (await once(own, "data")) as [Buffer];
    expect(answer.toString()).toContain("200 OK");
    for (const socket of [own, ...strangers]) socket.destroy();
  });
});

describe("attaching to a terminal", () => {
  it("wants the instance's token, a terminal that exists and a number", async () => {
    await start();
    await sidecar.call("POST", "/terminals", { terminalId: "trm_1", cols: 80, rows: 24 });
    const right = `Bearer ${sidecar.bearer}`;
    expect(await refusal(attach("/terminals/trm_1/attach", "Bearer wrong"))).toBe(401);
    expect(await refusal(attach("/terminals/trm_1/attach", ""))).toBe(401);
    expect(await refusal(attach("/terminals/trm_2/attach", right))).toBe(404);
    expect(await refusal(attach("/events", right))).toBe(404);
    expect(await refusal(attach("/terminals/trm_1/attach?afterByte=-1", right))).toBe(400);
  });

  it("shows what the program writes", async () => {
    await start();
    await sidecar.call("POST", "/terminals", { terminalId: "trm_1", cols: 80, rows: 24 });
    const socket = attach("/terminals/trm_1/attach?afterByte=0", `Bearer ${sidecar.bearer}`);
    let seen = "";
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) seen += data.subarray(8).toString("utf8");
    });
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "input", data: "echo $((40+2))-is-it\n" }));
    await eventually("the output", () => seen.includes("42-is-it"));
    socket.close();
    await once(socket, "close");
  });
});
