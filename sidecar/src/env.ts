import { imageConfig, type SidecarConfig } from "./config";

/** The image's configuration; the one place that reads the process's environment. */
export function createEnvironmentConfig(): SidecarConfig {
  return imageConfig(process.env);
}
