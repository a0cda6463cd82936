/** For tests: an engine in memory, whose containers answer and register as their image has it. */
import { bootLine, CONTRACT_VERSION, offerRequest, sealedMessage } from "../../../sidecar/src/protocol";
import { Registration } from "../../../sidecar/src/registration/registration";
import { type Driver, DriverError } from "../../drivers/driver";
import { serveSidecarStandIn, type SidecarStandIn } from "./sidecar-stand-in.testing";

/** What becomes of a container of an image. */
export type ImageIs =
  "good" | "sidecar ends" | "agent fails" | "other contract" | "answers oddly" | "disk full" | "engine away";

export interface EngineStandIn extends AsyncDisposable {
  driver: Driver;
  /** What images there are; changed by the test. */
  images: Map<string, ImageIs>;
  /** Images of the containers that were started, in order. */
  started: string[];
  /** Containers there are. */
  containers(): string[];
  /** A container that runs already. */
  running(instanceId: string): Promise<SidecarStandIn>;
}

interface Container {
  sidecar: SidecarStandIn;
  isRunning: boolean;
}

const STARTED_AT = "2026-11-01T00:00:00.000Z";

export function engineStandIn(): EngineStandIn {
  const containers = new Map<string, Container>();
  const prepare = async (instanceId: string): Promise<Container> => {
    const container = containers.get(instanceId) ?? {
      sidecar: await serveSidecarStandIn(),
      isRunning: false,
    };
    containers.set(instanceId, container);
    return container;
  };
  const remove = async (instanceId: string) => {
    const container = containers.get(instanceId);
    containers.delete(instanceId);
    await container?.sidecar[Symbol.asyncDispose]();
  };
  const driver: Partial<Driver> = {
    hasImage: async (image) => engine.images.has(image),
    ensureVolumes: async () => undefined,
    removeVolumes: async () => undefined,
    prepareEndpoint: async (instanceId) => {
      const { sidecar } = await prepare(instanceId);
      return { sidecarSocket: sidecar.socketPath, egressSocket: "" };
    },
    lockEndpoint: async () => undefined,
    async start({ instanceId, image }, line) {
      engine.started.push(image);
      const is = engine.images.get(image);
      if (is === "disk full") throw new DriverError("out_of_disk", "Free some space.", "ENOSPC");
      if (is === "engine away") throw new DriverError("engine_unreachable", "Start Docker.", "ECONNREFUSED");
      const container = await prepare(instanceId);
      container.isRunning = is !== "sidecar ends";
      if (!container.isRunning) return container.sidecar[Symbol.asyncDispose]();
      await serveRegistration(container.sidecar, { line, is: is ?? "good" });
    },
    async inspect(instanceId) {
      const container = containers.get(instanceId);
      if (!container) return { kind: "gone" };
      if (container.isRunning) return { kind: "running", startedAt: STARTED_AT };
      return { kind: "exited", exitCode: 1, outOfMemory: false, finishedAt: STARTED_AT };
    },
    remove,
    list: async () =>
      [...containers.keys()].map((instanceId) => ({ instanceId, sessionId: "ses_test000000000" })),
    tail: async () => "SyntaxError: the last words",
  };
  const engine: EngineStandIn = {
    driver: driver as Driver,
    images: new Map(),
    started: [],
    containers: () => [...containers.keys()],
    async running(instanceId) {
      const container = await prepare(instanceId);
      container.isRunning = true;
      return container.sidecar;
    },
    async [Symbol.asyncDispose]() {
      for (const instanceId of [...containers.keys()]) await remove(instanceId);
    },
  };
  return engine;
}

/** The sidecar's own registration behind the stand-in's socket. */
async function serveRegistration(
  sidecar: SidecarStandIn,
  opts: { line: string; is: ImageIs },
): Promise<void> {
  const contract = opts.is === "other contract" ? CONTRACT_VERSION + 1 : CONTRACT_VERSION;
  const registration = await Registration.create({
    boot: bootLine.parse(JSON.parse(opts.line)),
    version: "1.2.3",
    onRegistered: async () => undefined,
    onExhausted: () => undefined,
  });
  const health = () => ({
    contract,
    version: "1.2.3",
    registered: registration.done,
    agent: opts.is === "agent fails" ? "failed" : "ready",
    reason: opts.is === "agent fails" ? { code: "agent_failed", message: "The agent did not start." } : null,
    turn: null,
  });
  sidecar.intercept = async (path, body) => {
    switch (path) {
      case "/health":
        return { status: 200, body: opts.is === "answers oddly" ? { state: "fine" } : health() };
      case "/registration/offer":
        return {
          status: 200,
          body: { ...registration.offer(offerRequest.parse(JSON.parse(body)).nonce), contract },
        };
      case "/registration/complete":
        await registration.complete(sealedMessage.parse(JSON.parse(body)));
        return { status: 200, body: {} };
      default:
        return null;
    }
  };
}
