import { randomBytes } from "node:crypto";
import type { SidecarConfig } from "../config";
import { AgentProcess } from "./agent-process";
import { opencodeEnvironment } from "./environment";

/** An opencode that was spawned and may not listen yet. */
export interface AgentLaunch {
  process: AgentProcess;
  /** What its port asks for; the agent's own processes can read it, nobody outside the container can use it. */
  password: string;
  startedMs: number;
}

/**
 * Spawns opencode. It reads `configFile` at the first request that it answers, not at its start (pinned by
 * opencode.test.ts), so the file may be written meanwhile.
 */
export function launchAgent(config: SidecarConfig, configFile: string): AgentLaunch {
  const password = randomBytes(24).toString("base64url");
  const process = AgentProcess.spawn({
    prefix: config.agentPrefix,
    bin: config.opencodeBin,
    port: config.ports.opencode,
    workspace: config.workspace,
    environment: opencodeEnvironment(config, { configFile, password }),
  });
  return { process, password, startedMs: Date.now() };
}
