import { join } from "node:path";
import type { SidecarConfig } from "./config";
import {
  CONTRACT_VERSION,
  type BootLine,
  type CredentialsPayload,
  type HealthResponse,
  type ProviderCredential,
  type RegistrationPayload,
} from "./protocol";
import { SidecarError } from "./errors";
import { TERMINAL_GID } from "./image-places";
import { Spool } from "./events/spool";
import { describeError, type Log } from "./log";
import { type AgentLaunch, launchAgent } from "./opencode/agent-launch";
import { ConfigFile } from "./opencode/config-file";
import { agentEnvironment } from "./opencode/environment";
import { killLeftovers } from "./opencode/leftovers";
import { Supervisor } from "./opencode/supervisor";
import { keepTerminals, takeKeptTerminals, type KeptTerminal } from "./pty/kept-terminals";
import { inRequest } from "./request-scope";
import { createTerminals } from "./pty/terminals";
import { AgentSetup } from "./turns/agent-setup";
import { Turns } from "./turns/turns";

export type Terminals = ReturnType<typeof createTerminals>;

export interface InstanceOptions {
  config: SidecarConfig;
  boot: BootLine;
  version: string;
  log: Log;
}

/** What stands before the registration. */
interface Warm {
  configFile: ConfigFile;
  agent: AgentLaunch;
}

async function launch(config: SidecarConfig): Promise<Warm> {
  const configFile = await ConfigFile.create(config.configParent);
  return { configFile, agent: launchAgent(config, configFile.path) };
}

interface Running {
  bearer: string;
  egressSecret: string;
  spool: Spool;
  setup: AgentSetup;
  supervisor: Supervisor;
  turns: Turns;
  terminals: Terminals;
}

/**
 * What the sidecar runs: opencode from {@link Instance.warmUp} on, everything else once the server has registered this
 * instance. {@link Instance.close} by whoever made it.
 */
export class Instance {
  readonly #options: InstanceOptions;
  #warm: Promise<Warm> | null = null;
  #running: Running | null = null;

  constructor(options: InstanceOptions) {
    this.#options = options;
  }

  get bearer(): string | null {
    return this.#running?.bearer ?? null;
  }

  get egressSecret(): string | null {
    return this.#running?.egressSecret ?? null;
  }

  /** The credential proxy's table; empty before registration. */
  get providers(): readonly ProviderCredential[] {
    return this.#running?.setup.providers ?? [];
  }

  get spool(): Spool {
    return this.#registered().spool;
  }

  get turns(): Turns {
    return this.#registered().turns;
  }

  get terminals(): Terminals {
    return this.#registered().terminals;
  }

  /**
   * Spawns opencode, whose start takes seconds, ahead of the registration: it holds no key and no conversation, and gets
   * its configuration when the server has sent it. Only once everything listens that the agent could put itself in place of.
   */
  async warmUp(): Promise<void> {
    this.#warm ??= launch(this.#options.config);
    await this.#warm;
  }

  /**
   * Opens the epoch, takes up the turn that the last one left open and lets opencode take prompts as soon as it listens.
   * @throws SidecarError `bad_request` for an epoch that was used; no agent takes prompts then.
   */
  async start(payload: RegistrationPayload): Promise<void> {
    const { config, log, boot } = this.#options;
    const spool = await Spool.open({ dir: config.spoolDir, log });
    await spool.openEpoch(payload.epoch, payload.held);
    const warm = await (this.#warm ??= launch(config));
    const { providers, settings } = payload;
    const setup = new AgentSetup({
      file: warm.configFile,
      credentialProxyPort: config.ports.credentialProxy,
      providers,
      settings,
    });
    const terminals = createTerminals({ ...terminalOptions(config), log });
    terminals.revive(await this.#keptTerminals());
    const { supervisor, turns } = this.#agent({
      spool,
      setup,
      terminals,
      warm,
      conversationOf: payload.conversationOf ?? boot.sessionId,
    });
    turns.takeUp();
    const { bearer, egressSecret } = payload;
    this.#running = { bearer, egressSecret, spool, setup, supervisor, turns, terminals };
    // It goes on long after the request that registered the instance.
    inRequest(null, () => supervisor.start());
  }

  health(authorised: boolean): HealthResponse {
    const running = this.#running;
    const { version } = this.#options;
    const agent = running ? agentState(running) : "off";
    const open = {
      contract: CONTRACT_VERSION,
      version,
      registered: running !== null,
      agent,
      reason: null,
      turn: null,
    };
    if (!running || !authorised) return open;
    const problem = running.spool.problem;
    const stored = problem
      ? { code: "spool", message: "Events cannot be stored: free disk space on the server.", detail: problem }
      : null;
    return { ...open, reason: stored ?? running.supervisor.reason, turn: running.turns.current };
  }

  /** New providers, in effect between turns. */
  async changeCredentials(payload: CredentialsPayload): Promise<"now" | "after_turn"> {
    return this.turns.configure({ providers: payload.providers });
  }

  /** Ends terminals, opencode and the open turn, and writes what is left of the events. */
  async close(): Promise<void> {
    const running = this.#running;
    await this.#keepTerminals();
    running?.terminals.closeAll();
    running?.turns.close();
    await running?.supervisor.stop();
    await running?.spool.close();
    const warm = await this.#warm;
    if (!running) warm?.agent.process.kill("SIGKILL");
    await warm?.agent.process.exited;
    await warm?.configFile.remove();
  }

  async #keptTerminals(): Promise<KeptTerminal[]> {
    try {
      return await takeKeptTerminals(keptTerminalsFile(this.#options.config));
    } catch (error) {
      this.#options.log.warn("terminals of before cannot be read", { error: describeError(error) });
      return [];
    }
  }

  async #keepTerminals(): Promise<void> {
    if (!this.#running) return;
    try {
      await keepTerminals(keptTerminalsFile(this.#options.config), this.#running.terminals.kept());
    } catch (error) {
      // A full disk: their output is lost, and all else still ends as it must.
      this.#options.log.warn("terminals could not be kept", { error: describeError(error) });
    }
  }

  #agent(parts: {
    spool: Spool;
    setup: AgentSetup;
    terminals: Terminals;
    warm: Warm;
    conversationOf: string;
  }): { supervisor: Supervisor; turns: Turns } {
    const { config, log } = this.#options;
    const { spool, setup, terminals, warm, conversationOf } = parts;
    const sessionId = conversationOf.startsWith("ses_") ? conversationOf : `ses_${conversationOf}`;
    const supervisor: Supervisor = new Supervisor({
      config,
      log,
      sessionId,
      configFile: warm.configFile.path,
      prepareConfig: () => setup.prepare(),
      early: warm.agent,
      title: () => setup.title,
      onEvent: (event) => turns.onAgentEvent(event),
      onGap: () => void turns.onGap(),
      onPrepared: () => void turns.onAgentBack(),
      onDown: () => turns.onAgentDown(),
    });
    const sweep = async () => {
      if (config.agentUid === null) return;
      const keep = () => [...terminals.shellPids(), ...(supervisor.pid === null ? [] : [supervisor.pid])];
      const killed = await killLeftovers({ uid: config.agentUid, keptGroup: TERMINAL_GID, keep });
      if (killed > 0) log.info("left-over processes ended", { killed });
    };
    const agent = {
      client: () => supervisor.client,
      reason: () => supervisor.reason,
      restart: () => supervisor.restart(),
    };
    const turns: Turns = new Turns({
      sessionId,
      workspace: config.workspace,
      spool,
      setup,
      log,
      agent,
      sweep,
    });
    return { supervisor, turns };
  }

  #registered(): Running {
    if (!this.#running) throw new SidecarError("unauthorized", "This instance is not registered yet.");
    return this.#running;
  }
}

/** An agent is not ready while it tells what it had stored of a turn that the process before this one left open. */
function agentState({ supervisor, turns }: Running): HealthResponse["agent"] {
  return supervisor.state === "ready" && turns.isTakingUp ? "starting" : supervisor.state;
}

/** Shells run as the agent, in the workspace; the change of directory is made with the agent's rights. */
function terminalOptions(config: SidecarConfig): Parameters<typeof createTerminals>[0] {
  const shell = [...config.terminalPrefix, "env", "-C", config.workspace, "/bin/bash", "-l"];
  return { shell, cwd: "/", env: agentEnvironment(config), maxTerminals: config.maxTerminals };
}

/** Beside the events, in a directory that the agent cannot read. */
function keptTerminalsFile({ spoolDir }: SidecarConfig): string {
  return join(spoolDir, "terminals.json");
}
