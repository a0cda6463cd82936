/** The baseline of the mirror: a bare `ws` server in a process of its own, and bare `ws` clients. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { WebSocket } from "ws";
import type { BenchContext } from "./context";

export interface BareFanout {
  /** What is sent from now on, by place in the list. */
  load(frames: readonly string[]): Promise<void>;
  /** Has one frame sent to every socket that watches. */
  send(index: number): Promise<void>;
  close(): Promise<void>;
}

/** The caller closes it. */
export async function startBareFanout(
  ctx: BenchContext,
  opts: { watching: number; idle: number; onFrame: (frame: string) => void },
): Promise<BareFanout> {
  const child = fork(join(import.meta.dirname, "bare-fanout-server.ts"), { execArgv: ["--import", "tsx"] });
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
    for (let i = 0; i < opts.idle; i++) await connect("idle");
    for (let i = 0; i < opts.watching; i++) {
      const socket = await connect("watching");
      socket.on("message", (data: Buffer) => opts.onFrame(data.toString()));
    }
    return {
      async load(frames) {
        const taken = once(child, "message");
        child.send(frames);
        await taken;
      },
      async send(index) {
        const answer = await fetch(`http://127.0.0.1:${port}/${index}`, { method: "POST" });
        if (!answer.ok) throw new Error(`The baseline has no frame ${index}.`);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
