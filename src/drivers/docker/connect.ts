import Docker from "dockerode";
import type { Driver } from "../driver";
import { createDockerDriver, type DockerDriverOptions } from "./docker-driver";

/** The Docker driver over the engine's local socket; nothing is dialled until the first call. */
export function connectDockerDriver(
  options: Omit<DockerDriverOptions, "docker"> & { socketPath: string },
): Driver {
  const { socketPath, ...rest } = options;
  return createDockerDriver({ ...rest, docker: new Docker({ socketPath }) });
}
