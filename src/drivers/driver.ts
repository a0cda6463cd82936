import type { Readable } from "node:stream";

/**
 * What sessions need of an engine. Small on purpose: every method has a caller in src/server/sessions, src/server/storage or src/server/backup.
 * A driver's endpoint is something the sidecar client can dial; today a unix socket on this host.
 */

/** Why an engine call failed; `message` of {@link DriverError} says what to do. */
export type DriverErrorCode =
  | "engine_unreachable"
  | "engine_permission"
  | "image_missing"
  | "out_of_disk"
  | "name_taken"
  | "instance_gone"
  | "engine_error";

/** The one error of the driver boundary. `message`: a sentence with the next step; `detail`: what the engine said. */
export class DriverError extends Error {
  override readonly name = "DriverError";
  constructor(
    readonly code: DriverErrorCode,
    message: string,
    readonly detail: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** One container of a session: made from constants, these ids and limits alone; nothing a person types reaches the engine. */
export interface InstanceSpec {
  /** `ins_…`, unique for ever; names the container and its run directory. */
  instanceId: string;
  sessionId: string;
  /** Full reference, such as `openagent-session:1f3a…`. */
  image: string;
  limits: InstanceLimits;
}

export interface InstanceLimits {
  memoryBytes: number;
  /** Fractions of a core allowed. */
  cpus: number;
  pids: number;
}

/** How to reach a running instance's sidecar, and where the server must listen for its way out. */
export interface InstanceEndpoint {
  /** Unix socket on this host; the sidecar listens. */
  sidecarSocket: string;
  /** Unix socket path on this host; the server's egress proxy listens, before the instance starts. */
  egressSocket: string;
}

export type InstanceState =
  | { kind: "running"; startedAt: string }
  | { kind: "exited"; exitCode: number; outOfMemory: boolean; finishedAt: string }
  | { kind: "gone" };

export interface InstanceIds {
  instanceId: string;
  sessionId: string;
}

/** A change of an instance that nobody asked us for, or did. `killed`: by a signal through the engine; its end comes after. */
export type InstanceEvent = { instanceId: string; sessionId: string; kind: "died" | "oom" | "killed" };

/** `workspace`: the person's files. `state`: the sidecar's spool, the agent's home and opencode's data. */
export type VolumeKind = "workspace" | "state";
export const VOLUME_KINDS: readonly VolumeKind[] = ["workspace", "state"];

/** An image that sessions run or ran on. */
export interface SessionImage {
  id: string;
  /** Names that this product gave it. */
  refs: string[];
  /** ISO 8601 UTC. */
  createdAt: string;
  bytes: number;
}

/** What one session's volumes hold, in bytes. */
export interface VolumeSizes {
  sessionId: string;
  workspace: number;
  state: number;
}

export interface EngineInfo {
  /** Where on this host the engine keeps volumes and images. */
  dataDirectory: string;
  version: string;
  /** Container uid 0 is not the host's root. */
  usernsRemap: boolean;
}

export interface Driver {
  /** @throws DriverError `engine_unreachable` or `engine_permission`. */
  ping(): Promise<EngineInfo>;
  /** True when the image is present. */
  hasImage(image: string): Promise<boolean>;
  /** Creates the session's volumes; existing ones are kept. */
  ensureVolumes(sessionId: string): Promise<void>;
  /** Removes the session's volumes; missing ones are fine. */
  removeVolumes(sessionId: string): Promise<void>;
  /** The run directory and socket paths of an instance, made if missing. No engine call. */
  prepareEndpoint(instanceId: string): Promise<InstanceEndpoint>;
  /**
   * From here on nothing in the instance can put anything in the place of the two sockets, whoever listens or does not; for
   * good. Once its sidecar listens, and before it is given a secret.
   */
  lockEndpoint(instanceId: string): Promise<void>;
  /**
   * Creates and starts the container and writes `bootLine` (one line, no newline inside) to its standard input.
   * Nothing is left behind when it fails.
   */
  start(spec: InstanceSpec, bootLine: string): Promise<void>;
  inspect(instanceId: string): Promise<InstanceState>;
  /** Stops and removes container and run directory; fine when already gone. @param graceMs before SIGKILL */
  remove(instanceId: string, graceMs: number): Promise<void>;
  /** Every instance of this installation, running or not. */
  list(): Promise<InstanceIds[]>;
  /**
   * Reads a session's volumes, one after the other, whether the session runs or not: give it to {@link whilePaused} where the
   * files must be of one moment. Names in the tar begin with the kind, as `state/spool/…`; a directory comes before what is in
   * it. `take` reads the stream to its end.
   * @throws DriverError, or what `take` threw
   */
  exportVolumes(sessionId: string, take: (kind: VolumeKind, tar: Readable) => Promise<void>): Promise<void>;
  /**
   * Unpacks a tar with names as {@link exportVolumes} gives them into the session's volumes, which are made if missing. Owners,
   * modes and links are taken as they are. A name that goes through a link is resolved among the session's own volumes, never on
   * the host; whoever passes on what others made refuses such names first. What a failure leaves, `removeVolumes` removes.
   */
  importVolumes(sessionId: string, tar: Readable): Promise<void>;
  /**
   * Runs `work` while no process of the session moves; one that does not run is left alone.
   * @throws DriverError when the session was started or stopped meanwhile: then `work` may have seen files of two moments
   */
  whilePaused<T>(sessionId: string, work: () => Promise<T>): Promise<T>;
  /**
   * Lets sessions go on, and removes what helped to copy, that an export or import left behind which was cut short. Only while
   * none runs. @returns sessions that were paused
   */
  recoverCopies(): Promise<string[]>;
  /** Sessions that have volumes on the engine. */
  listVolumes(): Promise<string[]>;
  /** Bytes of each session's volumes. The engine walks through all their files: for people who look, not for a timer. */
  measureVolumes(): Promise<VolumeSizes[]>;
  /** Instances that have a run directory, with a container or without. No engine call. */
  listEndpoints(): Promise<string[]>;
  /** Whether another installation has containers or volumes on the engine: it may start sessions from any session image. */
  hasNeighbours(): Promise<boolean>;
  /** Images that this product built, and that nobody else gave a name. */
  listSessionImages(): Promise<SessionImage[]>;
  /** @returns false when a container has it: then it stays */
  removeImage(image: SessionImage): Promise<boolean>;
  /** Last lines of the container's log, for a failure's detail. */
  tail(instanceId: string, lines: number): Promise<string>;
  /**
   * Watches for instances that die. Reconnects by itself; after each (re)connect calls `onResync`, as events may have been missed.
   * The caller closes it by the signal.
   */
  watch(
    handlers: {
      onEvent: (event: InstanceEvent) => void;
      onResync: () => void;
      onError: (error: DriverError) => void;
    },
    signal: AbortSignal,
  ): void;
}
