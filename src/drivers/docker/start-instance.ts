/** Create, attach, start, hand over the boot line: in this order, and all or nothing. */
import { addAbortSignal, Readable } from "node:stream";
import type Docker from "dockerode";
import { DriverError, type InstanceSpec } from "../driver";
import { containerConfig, type Installation } from "./container-config";
import type { BoundEngine } from "./deadline";
import { hasRunDirectory, prepareRunDirectory, removeRunDirectory } from "./run-directory";

export interface StartingEngine extends BoundEngine {
  /** Removes a container, in time of its own: the engine's that has run out is why it must go. */
  undo(containerId: string): Promise<void>;
}

/**
 * @throws what the engine client threw; then the container that this call made is gone, and the run directory unless it was
 *   there before (its owner may listen in it already). A container of the same name that somebody else made stays.
 */
export async function startInstance(
  engine: StartingEngine,
  installation: Installation,
  { spec, bootLine }: { spec: InstanceSpec; bootLine: string },
): Promise<void> {
  if (/[\r\n]/.test(bootLine)) {
    throw new DriverError(
      "engine_error",
      "The boot line holds a line break, so the container was not started. This is a fault of OpenAgent; please report it.",
      "boot line with a line break",
    );
  }
  const config = containerConfig(spec, installation);
  const { runDir } = installation;
  const hadDirectory = await hasRunDirectory(runDir, spec.instanceId);
  try {
    await prepareRunDirectory(runDir, spec.instanceId);
    await createAndStart(engine, config, bootLine);
  } catch (error) {
    if (!hadDirectory) await removeRunDirectory(runDir, spec.instanceId);
    throw error;
  }
}

async function createAndStart(
  { docker, signal, undo }: StartingEngine,
  config: Docker.ContainerCreateOptions,
  bootLine: string,
): Promise<void> {
  const container = await docker.createContainer(config);
  try {
    // Attached before the start, so that the line is there when pid 1 first reads; it is never in a file, variable, label or argument.
    const stdin = await container.attach({ stream: true, stdin: true, hijack: true });
    stdin.on("error", () => {
      // Told by whoever writes to it; before and after that, the container's own end says more.
    });
    // The request that it came from is over, and that request's signal with it.
    if (stdin instanceof Readable) addAbortSignal(signal, stdin);
    try {
      await container.start();
      await handOver(stdin, bootLine);
    } catch (error) {
      if (stdin instanceof Readable) stdin.destroy();
      throw error;
    }
  } catch (error) {
    await undo(container.id).catch(() => {
      // The first failure is what the caller must hear of; what is left has our labels, so `list` shows it to the collector.
    });
    throw error;
  }
}

/** Writes the line and the end of file. The engine ends the stream once it has passed both on. */
async function handOver(stdin: NodeJS.ReadWriteStream, bootLine: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stdin.once("error", reject);
    stdin.end(`${bootLine}\n`, () => resolve());
  });
  // Read to the end, or the socket would stay open on our side.
  stdin.resume();
}
