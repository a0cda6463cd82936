/** The baseline of a flood: the same events from as many senders to as many watchers, through a bare `ws` relay. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket } from "ws";
import { type Flood, floodText } from "../e2e/stub/flood-script";
import type { BenchContext } from "./context";

/** @returns of every event that a watcher got: from its making until then, ms */
export async function floodBareRelay(
  ctx: BenchContext,
  opts: Flood & { senders: number; watched: number },
): Promise<number[]> {
  const child = fork(join(import.meta.dirname, "bare-relay-server.ts"), { execArgv: ["--import", "tsx"] });
  const close = ctx.cleanup.add(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  try {
    const [port] = (await once(child, "message")) as [number];
    const connect = async (path: string) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/${path}`);
      await once(socket, "open");
      return socket;
    };
    const latenciesMs: number[] = [];
    for (let i = 0; i < opts.watched; i++) {
      const watcher = await connect(`to/${i}`);
      watcher.on("message", (data: Buffer) => {
        const { at } = JSON.parse(data.toString()) as { at: string };
        latenciesMs.push(Date.now() - Date.parse(at));
      });
    }
    const senders: WebSocket[] = [];
    for (let i = 0; i < opts.senders; i++) senders.push(await connect(`from/${i}`));
    await Promise.all(senders.map((socket) => speak(socket, opts)));
    const expected = opts.watched * opts.perSecond * opts.seconds;
    while (latenciesMs.length < expected) await pause(50);
    return latenciesMs;
  } finally {
    await close();
  }
}

async function speak(socket: WebSocket, { perSecond, seconds }: Flood): Promise<void> {
  const intervalMs = 1000 / perSecond;
  const from = performance.now() + Math.random() * intervalMs;
  for (let k = 0; k < perSecond * seconds; k++) {
    await pause(Math.max(0, from + k * intervalMs - performance.now()));
    const data = { messageId: "msg_bench", partId: "prt_bench", text: floodText(k) };
    socket.send(JSON.stringify({ seq: k + 1, at: new Date().toISOString(), type: "part.delta", data }));
  }
}
