import WebSocket from "ws";
import { z } from "zod";

const version = z.object({ querySet: z.number(), identity: z.number(), ts: z.string() });
const frame = z.looseObject({
  type: z.string(),
  startVersion: version.optional(),
  endVersion: version.optional(),
  modifications: z.array(z.looseObject({ type: z.string(), queryId: z.number() })).optional(),
});
export type Frame = z.infer<typeof frame>;

/** A client that sends what it is told to and keeps what it hears, for what the official one never does. */
export async function connectRaw(url: string) {
  const ws = new WebSocket(`${url.replace("http", "ws")}/api/1.48.0/sync`);
  const frames: Frame[] = [];
  let read = 0;
  let closed: { code: number; reason: string } | null = null;
  ws.on("message", (data: Buffer) => frames.push(frame.parse(JSON.parse(data.toString()))));
  ws.on("close", (code, reason) => (closed = { code, reason: reason.toString() }));
  ws.on("error", () => undefined);
  await new Promise((resolve, reject) => {
    ws.once("open", resolve);
    ws.once("error", reject);
  });
  const client = {
    ws,
    frames,
    closed: () => closed,
    sendText: (text: string | Buffer) => ws.send(text),
    send: (message: object) => ws.send(JSON.stringify(message)),
    connect: (more: object = {}) =>
      client.send({
        type: "Connect",
        sessionId: "a-session",
        connectionCount: 0,
        lastCloseReason: null,
        clientTs: Date.now(),
        ...more,
      }),
    add: (baseVersion: number, queryId: number, udfPath: string, args: object = {}) =>
      client.send({
        type: "ModifyQuerySet",
        baseVersion,
        newVersion: baseVersion + 1,
        modifications: [{ type: "Add", queryId, udfPath, args: [args] }],
      }),
    remove: (baseVersion: number, queryId: number) =>
      client.send({
        type: "ModifyQuerySet",
        baseVersion,
        newVersion: baseVersion + 1,
        modifications: [{ type: "Remove", queryId }],
      }),
    authenticate: (baseVersion: number, value: string) =>
      client.send({ type: "Authenticate", tokenType: "User", value, baseVersion }),
    /** Resolves with the next frame that was not asked for yet. */
    async next(): Promise<Frame> {
      while (frames.length <= read) {
        if (closed !== null) throw new Error(`closed: ${JSON.stringify(closed)}`);
        await new Promise<void>((resolve) => {
          ws.once("message", () => resolve());
          ws.once("close", () => resolve());
        });
      }
      const found = frames[read++];
      if (found === undefined) throw new Error("no frame");
      return found;
    },
  };
  return client;
}
