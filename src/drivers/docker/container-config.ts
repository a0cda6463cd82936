/** The whole container specification. Constants, ids and limits: nothing that a person or an agent types reaches it. */
import { dirname } from "node:path";
import type { ContainerCreateOptions, MountSettings } from "dockerode";
import { PATHS, SIDECAR_UID } from "../../../sidecar/src/image-places";
import type { InstanceSpec, VolumeKind } from "../driver";
import { checkId, containerName, hostName, LABEL, volumeLabels, volumeName } from "./names";

/** What is the same for every container of this installation. */
export interface Installation {
  /** Stands in names and in the label `openagent.installation`. */
  prefix: string;
  /** Absolute host directory that holds one run directory per instance. */
  runDir: string;
  /** Seccomp profile, the JSON itself. */
  seccompProfile: string;
}

/** Where a container of a session has its volumes. */
const MOUNTED_AT: Record<VolumeKind, string> = { workspace: PATHS.workspace, state: dirname(PATHS.spool) };
/** Enough for builds and watchers; an engine without CAP_SYS_RESOURCE cannot give more than it has itself (seen: 20,000). */
const OPEN_FILES = 16_384;

/**
 * Options for the engine's create call.
 * @throws DriverError when an id is not one of ours
 */
export function containerConfig(spec: InstanceSpec, installation: Installation): ContainerCreateOptions {
  const { prefix } = installation;
  return {
    name: containerName(prefix, spec.instanceId),
    Image: spec.image,
    Hostname: hostName(spec.sessionId),
    Labels: { ...volumeLabels(prefix, spec.sessionId), [LABEL.instance]: checkId(spec.instanceId) },
    Tty: false,
    // The boot line goes in by standard input, once; the end of our stream is the container's end of file.
    AttachStdin: true,
    AttachStdout: false,
    AttachStderr: false,
    OpenStdin: true,
    StdinOnce: true,
    HostConfig: {
      ...walls(installation.seccompProfile),
      ...limits(spec),
      RestartPolicy: { Name: "no" },
      AutoRemove: false,
      // The image's own pid 1 is tini; an engine with `init: true` as its default would put a second one above it.
      Init: false,
      LogConfig: { Type: "local", Config: { "max-size": "10m", "max-file": "2" } },
      Tmpfs: {
        // `exec` because the engine's default for a tmpfs is noexec, and build tools run what they put into /tmp.
        "/tmp": "rw,exec,nosuid,nodev,size=512m,mode=1777",
        [PATHS.config]: `rw,noexec,nosuid,nodev,size=8m,mode=0755,uid=${SIDECAR_UID},gid=${SIDECAR_UID}`,
      },
      Mounts: [
        volumeMount(prefix, spec.sessionId, "workspace"),
        volumeMount(prefix, spec.sessionId, "state"),
        {
          Type: "bind",
          Source: `${installation.runDir}/${checkId(spec.instanceId)}`,
          Target: PATHS.run,
          ReadOnly: false,
          BindOptions: { Propagation: "rprivate" },
        },
      ],
    },
  };
}

function walls(seccompProfile: string) {
  return {
    NetworkMode: "none",
    ReadonlyRootfs: true,
    Privileged: false,
    CapDrop: ["ALL"],
    // For pid 1 to become the sidecar's uid, and for the sidecar to start and end the agent's processes; the agent gets none.
    CapAdd: ["SETUID", "SETGID", "KILL"],
    SecurityOpt: ["no-new-privileges", `seccomp=${seccompProfile}`],
    IpcMode: "private",
    // Empty: the engine's own mapping applies where it remaps user ids.
    UsernsMode: "",
    Devices: [],
  };
}

function limits(spec: InstanceSpec) {
  const { memoryBytes, cpus, pids } = spec.limits;
  return {
    Memory: memoryBytes,
    // Memory and swap together: equal means no swap.
    MemorySwap: memoryBytes,
    NanoCpus: Math.round(cpus * 1e9),
    PidsLimit: pids,
    Ulimits: [
      { Name: "nofile", Soft: OPEN_FILES, Hard: OPEN_FILES },
      // A core file would hold the keys that live in the sidecar's memory.
      { Name: "core", Soft: 0, Hard: 0 },
    ],
  };
}

function volumeMount(prefix: string, sessionId: string, kind: VolumeKind): MountSettings {
  return {
    Type: "volume",
    Source: volumeName(prefix, sessionId, kind),
    Target: MOUNTED_AT[kind],
    ReadOnly: false,
    // Copying is what gives a new volume the owners and modes that the image set for these directories.
    // The labels serve the case that the engine makes the volume itself, so that it is found and removed all the same.
    VolumeOptions: {
      NoCopy: false,
      Labels: volumeLabels(prefix, sessionId),
      DriverConfig: { Name: "local", Options: {} },
    },
  };
}
