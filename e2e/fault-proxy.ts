/** A bad network in front of a port of this machine: slow, cut now and then, or silent for a while. */
import { setTimeout as delay } from "node:timers/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface FaultProxy {
  /** On a free port. */
  url: string;
  /** Where connections lead from now on. */
  leadTo(port: number): void;
  /** @param faults.delayMs each way @param faults.resetRate the part of what is sent at which the connection is cut */
  set(faults: { delayMs: number; resetRate: number }): void;
  /** Nothing gets through, and nobody is told; what was sent arrives after {@link FaultProxy.clear}, as TCP sends it again. */
  blackHole(): void;
  /** No faults any more. */
  clear(): void;
  /** Connections cut so far. */
  resets(): number;
  close(): Promise<void>;
}

const NONE = { delayMs: 0, resetRate: 0 };

export async function startFaultProxy(): Promise<FaultProxy> {
  const open = new Set<Socket>();
  let port = 0;
  let faults = NONE;
  let hole: Promise<void> | null = null;
  let endHole = () => undefined as void;
  let resets = 0;

  const carry = (from: Socket, to: Socket) => {
    let carried = Promise.resolve();
    from.on("data", (chunk: Buffer) => {
      const { delayMs, resetRate } = faults;
      if (Math.random() < resetRate) {
        resets += 1;
        from.destroy();
        return;
      }
      const due = delayMs === 0 ? null : delay(delayMs);
      carried = carried.then(async () => {
        await due;
        await hole;
        if (!to.destroyed) to.write(chunk);
      });
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      open.delete(from);
      void carried.then(() => to.destroy());
    });
  };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    open.add(near).add(far);
    carry(near, far);
    carry(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const clear = () => {
    faults = NONE;
    endHole();
    hole = null;
  };
  return {
    // Listening on a port, so it is not the name of a socket.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo: (to) => void (port = to),
    set: (next) => void (faults = next),
    blackHole: () => void (hole ??= new Promise((resolve) => (endHole = resolve))),
    clear,
    resets: () => resets,
    async close() {
      clear();
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
