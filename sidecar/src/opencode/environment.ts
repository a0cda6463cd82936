import { join } from "node:path";
import type { SidecarConfig } from "../config";

type Environment = Record<string, string>;

/** What every process of the agent gets: nothing of the sidecar's own environment, and the way out through the forwarder. */
export function agentEnvironment(config: SidecarConfig): Environment {
  const home = join(config.agentHome, "home");
  const proxy = `http://127.0.0.1:${config.ports.egressForwarder}`;
  const noProxy = "127.0.0.1,localhost,::1";
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    ...config.passedEnvironment,
    HOME: home,
    USER: "agent",
    LOGNAME: "agent",
    SHELL: "/bin/bash",
    TERM: "xterm-256color",
    XDG_DATA_HOME: join(config.agentHome, "data"),
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_STATE_HOME: join(config.agentHome, "state"),
    XDG_CACHE_HOME: join(config.agentHome, "cache"),
    // Programs disagree about the case of these names, and Bun sends loopback calls out without the exception.
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    NO_PROXY: noProxy,
    no_proxy: noProxy,
    NODE_USE_ENV_PROXY: "1",
    GIT_TERMINAL_PROMPT: "0",
  };
}

/** The agent's environment and opencode's switches: no update, no download, no plugin of the repository, no sharing. */
export function opencodeEnvironment(
  config: SidecarConfig,
  own: { configFile: string; password: string },
): Environment {
  return {
    ...agentEnvironment(config),
    OPENCODE_CONFIG: own.configFile,
    OPENCODE_SERVER_PASSWORD: own.password,
    OPENCODE_MODELS_PATH: config.modelsFile,
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
    OPENCODE_DISABLE_SHARE: "1",
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
    OPENCODE_DISABLE_PROJECT_CONFIG: "1",
    OPENCODE_PURE: "1",
    // Bun 1.3.14 in opencode collects garbage every 16 ms while anything happens, whatever there is to collect, and its
    // switches for that are read too early to have an effect (oven-sh/bun#35356). Without helpers a turn that streams costs
    // a fifth less: 72-76 % of a core instead of 93-97 % at 50 deltas a second.
    BUN_JSC_numberOfGCMarkers: "1",
  };
}
