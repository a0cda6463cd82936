import { setTimeout as delay } from "node:timers/promises";
import type { SidecarConfig } from "../config";
import type { Failure } from "../contract";
import type { HealthResponse } from "../protocol";
import { SidecarError } from "../errors";
import { describeError, type Log } from "../log";
import { type AgentLaunch, launchAgent } from "./agent-launch";
import type { AgentExit, AgentProcess } from "./agent-process";
import { AgentClient } from "./client";
import { EventStream } from "./event-stream";
import { restartDelayMs } from "./restart-policy";
import type { AgentEvent } from "./wire";

const RECONNECT_TRIES = 5;
const RECONNECT_DELAY_MS = 100;
const STOP_GRACE_MS = 1500;
/** A busy machine may cost a start its time limit: only the second in a row is told as a failure. */
const FAILED_STARTS = 2;

export interface SupervisorOptions {
  config: SidecarConfig;
  log: Log;
  /** opencode's id of the conversation. */
  sessionId: string;
  /** Where opencode finds its configuration. */
  configFile: string;
  /** Writes that file; called at each start, before the first request. */
  prepareConfig: () => Promise<void>;
  /** An opencode that was spawned before there was anything to supervise; it becomes the first one. */
  early: AgentLaunch;
  title: () => string;
  onEvent: (event: AgentEvent) => void;
  /** The event stream was lost and is back: events in between never came. */
  onGap: () => void;
  /** Takes calls and tells its events, for the first time or again. */
  onPrepared: () => void;
  /** opencode is gone; called before it is started again. */
  onDown: () => Promise<void>;
}

/** Keeps opencode running: starts it, watches it, starts it again. {@link Supervisor.stop} by whoever started it. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stopping = new AbortController();
  #state: HealthResponse["agent"] = "off";
  #reason: Failure | null = null;
  #early: AgentLaunch | null;
  #process: AgentProcess | null;
  #client: AgentClient | null = null;
  #stream: EventStream | null = null;
  #starts: number[] = [];
  /** In a row, without opencode listening in between. */
  #failedStarts = 0;
  #running: Promise<void> | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#early = options.early;
    this.#process = options.early.process;
  }

  get state(): HealthResponse["agent"] {
    return this.#state;
  }

  get reason(): Failure | null {
    return this.#reason;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** The way to opencode while it is ready; null otherwise. */
  get client(): AgentClient | null {
    return this.#state === "ready" ? this.#client : null;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends opencode at once; it is started again. */
  restart(): void {
    this.#process?.kill("SIGKILL");
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const process = this.#process;
    process?.kill("SIGTERM");
    const timer = setTimeout(() => process?.kill("SIGKILL"), STOP_GRACE_MS);
    await this.#running;
    clearTimeout(timer);
    this.#state = "off";
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#state = "starting";
      this.#starts = [...this.#starts.slice(-9), Date.now()];
      const reason = await this.#runOnce();
      const triesAgain = this.#failedStarts > 0 && this.#failedStarts < FAILED_STARTS;
      this.#state = triesAgain ? "starting" : "failed";
      this.#reason = reason;
      await this.#letGo();
      if (this.#stopping.signal.aborted) return;
      log.warn("agent down", { detail: reason.detail });
      await this.#options.onDown();
      const waitMs = restartDelayMs(this.#starts, Date.now());
      await delay(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {
        // Stopping: the loop's condition ends it.
      });
    }
  }

  /** One life of opencode, from start to end; the answer says why it ended. */
  async #runOnce(): Promise<Failure> {
    try {
      const process = await this.#launch();
      this.#state = "ready";
      this.#reason = null;
      this.#failedStarts = 0;
      return stopped(await process.exited);
    } catch (error) {
      this.#failedStarts += 1;
      this.#process?.kill("SIGKILL");
      await this.#process?.exited;
      const detail = error instanceof SidecarError ? (error.detail ?? error.message) : describeError(error);
      return { code: "agent_failed", message: "The agent did not start: restart the session.", detail };
    }
  }

  async #launch(): Promise<AgentProcess> {
    const { config, configFile, log, sessionId, title } = this.#options;
    const { process, password, startedMs } = this.#early ?? launchAgent(config, configFile);
    this.#early = null;
    this.#process = process;
    const sinceSpawn = () => ({ ms: Date.now() - startedMs });
    await this.#options.prepareConfig();
    await process.listening(this.#stopping.signal);
    log.info("agent listens", sinceSpawn());
    const client = new AgentClient({
      port: config.ports.opencode,
      password,
      sessionId,
      directory: config.workspace,
    });
    this.#client = client;
    // opencode listens, so prompts are taken from now on; the first one waits for its conversation, not the session's start.
    client.prepared = Promise.all([this.#subscribe(client, process), client.ensureSession(title())]).then(
      () => {
        log.info("agent prepared", sinceSpawn());
        this.#options.onPrepared();
      },
    );
    client.prepared.catch((error: unknown) => {
      log.warn("agent could not be prepared", { error: describeError(error) });
      process.kill("SIGKILL");
    });
    return process;
  }

  async #subscribe(client: AgentClient, process: AgentProcess): Promise<void> {
    this.#stream = await EventStream.connect({
      baseUrl: client.baseUrl,
      authorization: client.authorization,
      onEvent: this.#options.onEvent,
      onError: (error, { type }) =>
        this.#options.log.error("agent event dropped", { type, error: describeError(error) }),
      onEnd: (reason) => void this.#resubscribe(client, process, reason),
    });
  }

  async #resubscribe(client: AgentClient, process: AgentProcess, reason: string): Promise<void> {
    for (let attempt = 1; attempt <= RECONNECT_TRIES; attempt += 1) {
      await delay(RECONNECT_DELAY_MS * attempt);
      // The end of the process ends the stream too; its own watcher deals with that.
      if (this.#client !== client || this.#stopping.signal.aborted) return;
      this.#options.log.warn("agent events lost, connecting again", { reason, attempt });
      try {
        await this.#subscribe(client, process);
        this.#options.onGap();
        return;
      } catch (error) {
        this.#options.log.warn("agent events do not come back", { error: describeError(error) });
      }
    }
    process.kill("SIGKILL");
  }

  async #letGo(): Promise<void> {
    this.#stream?.close();
    this.#stream = null;
    this.#process = null;
    const client = this.#client;
    this.#client = null;
    await client?.close();
  }
}

function stopped(exit: AgentExit): Failure {
  const how = exit.signal ? `signal ${exit.signal}` : `code ${exit.code}`;
  const detail = `opencode ended with ${how}${exit.stderr ? `: ${exit.stderr}` : ""}`;
  return {
    code: "agent_failed",
    message: "The agent stopped and is started again; send the prompt again if it was cut.",
    detail,
  };
}
