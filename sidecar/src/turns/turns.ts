import { setTimeout as delay } from "node:timers/promises";
import type { Failure, TurnOutcome } from "../contract";
import type { PromptRequest, RequestReply } from "../protocol";
import { SidecarError } from "../errors";
import { Normaliser } from "../events/normaliser";
import type { CloseReason } from "../events/open-state";
import type { Spool } from "../events/spool";
import { describeError, type Log } from "../log";
import { agentFailure, failureOf } from "../opencode/failures";
import type { AgentEvent } from "../opencode/wire";
import { AgentAbort, REFUSED_AFTER_MS } from "./agent-abort";
import { type AgentChange, AgentChanges } from "./agent-changes";
import type { AgentSetup } from "./agent-setup";
import { Answers, type Answered } from "./answers";
import { HandOver } from "./hand-over";
import { MissedEvents } from "./missed-events";
import { Outlet } from "./outlet";
import { assertReady, overfullFailure } from "./readiness";
import type { RunningAgent } from "./running-agent";
import { INTERRUPTED, newTurn, takenUpTurn, type Turn, turnLines } from "./turn";

/** After opencode is idle its last updates may still be on the way (measured after an abort). */
const SETTLE_MS = 1000;
const WATCH_EVERY_MS = 5000;
const SILENT_AFTER_MS = 10_000;

export interface TurnsOptions {
  /** opencode's id of the main conversation. */
  sessionId: string;
  workspace: string;
  spool: Spool;
  setup: AgentSetup;
  log: Log;
  agent: RunningAgent;
  /** Ends what the turn's tools left running. */
  sweep: () => Promise<void>;
}

/** One turn at a time: from a prompt to the end of everything that it started. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #normaliser: Normaliser;
  readonly #outlet: Outlet;
  readonly #answers: Answers;
  readonly #changes: AgentChanges;
  readonly #missed: MissedEvents;
  readonly #handOver: HandOver;
  readonly #agentAbort: AgentAbort;
  readonly #tell: ReturnType<typeof turnLines>;
  #turn: Turn | null = null;
  /** Prompts that were stopped before they came; few, as that takes a broken connection. */
  readonly #stoppedBefore = new Set<string>();
  #watch: NodeJS.Timeout | null = null;
  #isEndUnwritten = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#normaliser = new Normaliser({ mainSessionId: options.sessionId, workspace: options.workspace });
    this.#outlet = new Outlet(options.spool);
    this.#answers = new Answers({ state: options.spool.state, normaliser: this.#normaliser });
    const { setup, sessionId, log, agent } = options;
    const { client } = agent;
    this.#changes = new AgentChanges({ setup, client, inTurn: () => this.#turn !== null });
    const { emit } = this.#outlet;
    this.#missed = new MissedEvents({ sessionId, normaliser: this.#normaliser, client, emit, log });
    this.#tell = turnLines(log, sessionId);
    this.#handOver = new HandOver({ client, tell: this.#tell });
    this.#agentAbort = new AgentAbort({
      agent,
      isAtWork: (turn) => this.#isAtWork(turn),
      settleIfIdle: (turn) => this.#settleIfIdle(turn),
      log,
    });
  }

  get current(): { turnId: string; promptId: string } | null {
    return this.#turn ? { turnId: this.#turn.turnId, promptId: this.#turn.promptId } : null;
  }

  /** The turn of the process before this one has not ended yet, or its end is not in the spool, where readers find it. */
  get isTakingUp(): boolean {
    return (this.#turn?.takenUp ?? false) || this.#isEndUnwritten;
  }

  /**
   * Takes up the turn that the process before this one left open: it is interrupted, and ends when opencode has told what it
   * had stored of it, or does not start. Called once, at the start of the epoch.
   */
  takeUp(): void {
    const { state } = this.#options.spool;
    const told = state.told();
    if (!told) return this.#outlet.emit(state.closers("interrupted", Date.now()));
    this.#turn = takenUpTurn(told, Date.now());
    this.#normaliser.takeUpTurn(told);
  }

  /**
   * Starts a turn. The same promptId again gives the same turn, also after a restart.
   * @throws SidecarError `busy`, or `not_ready` while opencode does not run.
   */
  async submit(request: PromptRequest): Promise<{ turnId: string }> {
    const { spool, agent } = this.#options;
    const known = spool.turnOf(request.promptId);
    if (known) return { turnId: known };
    if (this.#stoppedBefore.has(request.promptId))
      throw new SidecarError("bad_request", "The prompt was stopped before it began.");
    if (this.#turn) throw new SidecarError("busy", "A turn is running: wait for its end, or abort it.");
    assertReady(spool, agent);
    const turn = this.#begin(request.promptId);
    // On disk before opencode hears of it: after a crash the same prompt must find its turn, and not run again.
    await spool.flush();
    void this.#run(turn, request);
    return { turnId: turn.turnId };
  }

  /**
   * Stops the running turn, or that of `promptId` alone. Resolves after its end. A prompt that has not come is refused from
   * now on: whoever stopped it must not see it run.
   */
  async abort(promptId?: string): Promise<{ aborted: boolean; known: boolean }> {
    const known = promptId !== undefined && this.#options.spool.turnOf(promptId) !== null;
    if (promptId !== undefined && !known) this.#stoppedBefore.add(promptId);
    const turn = this.#turn;
    if (!turn || (promptId !== undefined && turn.promptId !== promptId)) return { aborted: false, known };
    await this.#stop(turn);
    return { aborted: true, known };
  }

  async #stop(turn: Turn): Promise<void> {
    turn.aborting = true;
    // Nothing to stop in opencode: it is gone, or `#run` finds the turn over before it sends.
    if (!turn.sent || turn.cut) return this.#finish(turn, "aborted", null);
    await this.#agentAbort.stop(turn);
  }

  #isAtWork(turn: Turn): boolean {
    return this.#turn === turn && !turn.cut;
  }

  /** @throws SidecarError when opencode does not take the answer. */
  async reply(requestId: string, reply: RequestReply): Promise<Answered> {
    return this.#answers.give(requestId, reply, this.#options.agent.client());
  }

  /** Takes effect at once, or when the running turn has ended. */
  configure(change: AgentChange): Promise<"now" | "after_turn"> {
    return this.#changes.make(change);
  }

  onAgentEvent(event: AgentEvent): void {
    const turn = this.#turn;
    if (!turn) return;
    turn.lastEventMs = Date.now();
    if (this.#options.spool.overfull) void this.#endOverfull(turn);
    if (event.type === "session.error") this.#noteError(turn, event);
    else this.#outlet.emit(this.#normaliser.take(event));
    const { sessionId } = this.#options;
    if (event.type === "session.status" && event.properties.sessionID === sessionId)
      turn.busySeen ||= event.properties.status.type !== "idle";
    if (event.type === "session.idle" && event.properties.sessionID === sessionId && turn.busySeen)
      void this.#settle(turn);
  }

  /** opencode is gone, and everything that it was doing. What it kept of the turn is asked for when it is back. */
  async onAgentDown(): Promise<void> {
    const turn = this.#turn;
    if (turn?.overfull) this.#finish(turn, "error", turn.failure);
    else if (turn?.aborting) this.#finish(turn, "aborted", null);
    else if (turn?.sent && !turn.cut) turn.cut = true;
    else if (turn) this.#finish(turn, "interrupted", INTERRUPTED);
    await this.#options.sweep();
  }

  /** opencode answers again. It does not go on with a turn by itself: what it had stored of it is all there will be. */
  async onAgentBack(): Promise<void> {
    const turn = this.#turn;
    if (!turn?.cut) return;
    await this.#missed.fromStore(() => this.#turn === turn);
    this.#finish(turn, "interrupted", INTERRUPTED);
  }

  /** Events were missed: opencode's own record says what became of the turn. */
  async onGap(): Promise<void> {
    const turn = this.#turn;
    if (!turn) return;
    const isRunning = () => this.#turn === turn;
    await this.#missed.fromStore(isRunning);
    await this.#missed.openRequests(isRunning);
    await this.#settleIfIdle(turn);
  }

  /**
   * The sidecar ends. A turn that is not being stopped stays open: opencode may store more of it until it ends, too, and the
   * process that takes the turn up tells that first.
   */
  close(): void {
    const turn = this.#turn;
    if (turn?.overfull) this.#finish(turn, "error", turn.failure);
    else if (turn?.aborting) this.#finish(turn, "aborted", null);
    if (this.#watch) clearInterval(this.#watch);
    this.#outlet.flush();
  }

  #begin(promptId: string): Turn {
    const turn = newTurn(promptId, Date.now());
    const { turnId, lastEventMs: startedAtMs } = turn;
    this.#turn = turn;
    this.#normaliser.beginTurn({ turnId, startedAtMs });
    this.#outlet.emit([{ type: "turn.started", data: { turnId, promptId } }]);
    this.#watch = setInterval(() => void this.#lookAfter(turn), WATCH_EVERY_MS);
    return turn;
  }

  async #run(turn: Turn, request: PromptRequest): Promise<void> {
    try {
      const command: { ended: Promise<void> | null } = { ended: null };
      await this.#changes.makeBefore(request.settings, async () => {
        if (turn.aborting || this.#turn !== turn) return;
        if (request.kind === "shell") command.ended = this.#handOver.shell(turn, request);
        else await this.#handOver.prompt(turn, request);
      });
      if (!command.ended) return;
      await command.ended;
      // Its idle event may have been missed.
      await this.#settleIfIdle(turn);
    } catch (error) {
      // When opencode is gone its supervisor says so, with the better reason.
      if (turn.cut || (!this.#options.agent.client() && turn.sent)) return;
      await this.#fail(turn, error);
    }
  }

  async #fail(turn: Turn, error: unknown): Promise<void> {
    const detail = error instanceof SidecarError ? (error.detail ?? error.message) : describeError(error);
    if (!turn.aborting) turn.failure ??= agentFailure("agent_error", detail);
    // opencode may have taken the prompt all the same, and would work on where nobody sees it.
    if (turn.sent && error instanceof SidecarError && error.code === "agent_silent")
      await this.#agentAbort.stop(turn);
    this.#finish(turn, turn.aborting ? "aborted" : "error", turn.aborting ? null : turn.failure);
  }

  async #endOverfull(turn: Turn): Promise<void> {
    if (turn.overfull) return;
    turn.overfull = true;
    turn.failure = overfullFailure(this.#options.spool);
    await this.#agentAbort.stop(turn);
  }

  #noteError(turn: Turn, event: Extract<AgentEvent, { type: "session.error" }>): void {
    const { sessionID, error } = event.properties;
    if (sessionID !== this.#options.sessionId || !error)
      return this.#outlet.emit(this.#normaliser.take(event));
    const told = failureOf(error);
    // opencode tells some failures twice, the second time with its stack.
    if (!told || turn.failure || turn.aborting) return;
    const { spool } = this.#options;
    // On a full disk it says only that a statement failed; the spool lies beside its store.
    const problem = told.code === "agent_error" ? spool.noRoom : null;
    turn.failure = problem === null ? told : overfullFailure({ problem, isLeft: false });
    this.#outlet.emit(
      problem === null ? this.#normaliser.take(event) : [{ type: "error", data: turn.failure }],
    );
    if (!turn.busySeen) void delay(REFUSED_AFTER_MS).then(() => this.#settleIfIdle(turn));
  }

  async #settle(turn: Turn): Promise<void> {
    if (turn.settling || !this.#isAtWork(turn)) return;
    turn.settling = true;
    if (this.#options.spool.state.hasOpenParts) await this.#outlet.partsClosed(SETTLE_MS);
    if (this.#options.spool.state.hasOpenParts) await this.#missed.fromStore(() => this.#turn === turn);
    const outcome = turn.aborting ? "aborted" : turn.failure ? "error" : "done";
    this.#finish(turn, outcome, turn.aborting ? null : turn.failure);
  }

  async #settleIfIdle(turn: Turn): Promise<void> {
    const client = this.#options.agent.client();
    if (!this.#isAtWork(turn) || turn.settling || !client) return;
    try {
      if (!(await client.isBusy())) await this.#settle(turn);
    } catch (error) {
      this.#options.log.warn("agent status unknown", { error: describeError(error) });
    }
  }

  async #lookAfter(turn: Turn): Promise<void> {
    const begun = turn.taken || turn.busySeen;
    if (begun && Date.now() - turn.lastEventMs > SILENT_AFTER_MS) await this.#settleIfIdle(turn);
  }

  #finish(turn: Turn, outcome: TurnOutcome, failure: Failure | null): void {
    if (this.#turn !== turn) return;
    const { turnId, promptId } = turn;
    const reason: CloseReason = outcome === "done" ? "interrupted" : outcome;
    this.#outlet.emit(this.#normaliser.endTurn());
    this.#outlet.emit(this.#options.spool.state.closers(reason, Date.now()));
    const ended = { turnId, promptId, outcome, ...(failure ? { error: failure } : {}) };
    this.#outlet.emit([{ type: "turn.ended", data: ended }]);
    this.#turn = null;
    if (turn.takenUp) void this.#endIsWritten();
    if (this.#watch) clearInterval(this.#watch);
    this.#watch = null;
    turn.end();
    this.#tell("turn ended", turn, { outcome, failure: failure?.code });
    void this.#afterTurn();
  }

  /** A server that found the session ready and nothing more on its way would end the turn itself, a second time. */
  async #endIsWritten(): Promise<void> {
    this.#isEndUnwritten = true;
    try {
      this.#outlet.flush();
      await this.#options.spool.flush();
    } catch (error) {
      this.#options.log.warn("end of a turn not written yet", { error: describeError(error) });
    } finally {
      this.#isEndUnwritten = false;
    }
  }

  async #afterTurn(): Promise<void> {
    try {
      await this.#options.sweep();
      await this.#changes.makeBetweenTurns();
    } catch (error) {
      this.#options.log.error("clean-up after a turn failed", { error: describeError(error) });
    }
  }
}
