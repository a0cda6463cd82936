import { setTimeout as delay } from "node:timers/promises";
import type { Failure, SidecarEventBody, TurnOutcome } from "../contract";
import type { AgentSettings, PromptRequest, ProviderCredential, RequestReply } from "../protocol";
import { SidecarError } from "../errors";
import { Coalescer } from "../events/coalescer";
import { Normaliser } from "../events/normaliser";
import type { CloseReason } from "../events/open-state";
import type { Spool } from "../events/spool";
import { describeError, type Log, type LogFields } from "../log";
import type { AgentClient } from "../opencode/client";
import { agentFailure, failureOf } from "../opencode/failures";
import type { AgentEvent } from "../opencode/wire";
import { inRequest } from "../request-scope";
import type { AgentSetup } from "./agent-setup";
import { Answers, type Answered } from "./answers";
import { INTERRUPTED, leftAlone, newTurn, noRoom, type Turn } from "./turn";

/** After opencode is idle its last updates may still be on the way (measured after an abort). */
const SETTLE_MS = 1000;
const ABORT_ROUND_MS = 1000;
const ABORT_ROUNDS = 4;
const WATCH_EVERY_MS = 5000;
const SILENT_AFTER_MS = 10_000;
/** A prompt that opencode refuses never makes it busy, so no end is announced either. */
const REFUSED_AFTER_MS = 500;

export interface TurnsOptions {
  /** opencode's id of the main conversation. */
  sessionId: string;
  workspace: string;
  spool: Spool;
  setup: AgentSetup;
  log: Log;
  agent: {
    client: () => AgentClient | null;
    /** Why there is no client, as far as it is known. */
    reason: () => Failure | null;
    restart: () => void;
  };
  /** Ends what the turn's tools left running. */
  sweep: () => Promise<void>;
}

/** One turn at a time: from a prompt to the end of everything that it started. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #normaliser: Normaliser;
  readonly #coalescer: Coalescer;
  readonly #answers: Answers;
  #turn: Turn | null = null;
  /** Prompts that were stopped before they came; few, as that takes a broken connection. */
  readonly #stoppedBefore = new Set<string>();
  #pending: { providers?: readonly ProviderCredential[]; settings?: AgentSettings } = {};
  /** Changes of opencode's configuration and sends, one after the other. */
  #chain: Promise<void> = Promise.resolve();
  #watch: NodeJS.Timeout | null = null;
  #partsClosed: (() => void) | null = null;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#normaliser = new Normaliser({ mainSessionId: options.sessionId, workspace: options.workspace });
    this.#coalescer = new Coalescer((events) => options.spool.append(events));
    this.#answers = new Answers({ state: options.spool.state, normaliser: this.#normaliser });
  }

  get current(): { turnId: string; promptId: string } | null {
    return this.#turn ? { turnId: this.#turn.turnId, promptId: this.#turn.promptId } : null;
  }

  /** Ends what the process before this one left open. Called once, at the start of the epoch. */
  closeUnfinished(): void {
    const { state } = this.#options.spool;
    const unfinished = state.turn;
    this.#emit(state.closers("interrupted", Date.now()));
    if (unfinished)
      this.#emit([
        { type: "turn.ended", data: { ...unfinished, outcome: "interrupted", error: INTERRUPTED } },
      ]);
  }

  /**
   * Starts a turn. The same promptId again gives the same turn, also after a restart.
   * @throws SidecarError `busy`, or `not_ready` while opencode does not run.
   */
  async submit(request: PromptRequest): Promise<{ turnId: string }> {
    const known = this.#options.spool.turnOf(request.promptId);
    if (known) return { turnId: known };
    if (this.#stoppedBefore.has(request.promptId))
      throw new SidecarError("bad_request", "The prompt was stopped before it began.");
    if (this.#turn) throw new SidecarError("busy", "A turn is running: wait for its end, or abort it.");
    const { spool } = this.#options;
    if (spool.isLeft)
      throw new SidecarError("not_ready", "Earlier events must be taken first: try again soon.");
    if (spool.problem) {
      const sentence = "Events cannot be stored: free disk space on the server.";
      throw new SidecarError("not_ready", sentence, spool.problem);
    }
    if (!this.#options.agent.client()) {
      const reason = this.#options.agent.reason();
      const sentence = reason?.message ?? "The agent is not ready yet: try again in a moment.";
      throw new SidecarError("not_ready", sentence, reason?.detail);
    }
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
    await this.#abortInAgent(turn);
  }

  /** Resolves after the turn's end: opencode comes to rest, or is started again. */
  async #abortInAgent(turn: Turn): Promise<void> {
    for (let round = 0; round < ABORT_ROUNDS && this.#isAtWork(turn); round += 1) {
      await this.#abortRound(turn);
      await Promise.race([turn.over, delay(ABORT_ROUND_MS)]);
    }
    if (this.#isAtWork(turn)) this.#options.agent.restart();
    await turn.over;
  }

  #isAtWork(turn: Turn): boolean {
    return this.#turn === turn && !turn.cut;
  }

  /** @throws SidecarError when opencode does not take the answer. */
  async reply(requestId: string, reply: RequestReply): Promise<Answered> {
    return this.#answers.give(requestId, reply, this.#options.agent.client());
  }

  /** Takes effect at once, or when the running turn has ended. */
  async configure(change: {
    providers?: readonly ProviderCredential[];
    settings?: AgentSettings;
  }): Promise<"now" | "after_turn"> {
    this.#pending = { ...this.#pending, ...change };
    if (this.#turn) return "after_turn";
    return (await this.#applyBetweenTurns()) ? "now" : "after_turn";
  }

  onAgentEvent(event: AgentEvent): void {
    const turn = this.#turn;
    if (!turn) return;
    turn.lastEventMs = Date.now();
    if (this.#options.spool.overfull) void this.#endOverfull(turn);
    if (event.type === "session.error") this.#noteError(turn, event);
    else this.#emit(this.#normaliser.take(event));
    if (event.type === "session.status" && event.properties.sessionID === this.#options.sessionId) {
      turn.busySeen ||= event.properties.status.type !== "idle";
    }
    if (
      event.type === "session.idle" &&
      event.properties.sessionID === this.#options.sessionId &&
      turn.busySeen
    )
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
    await this.#reconcile(turn);
    this.#finish(turn, "interrupted", INTERRUPTED);
  }

  /** Events were missed: opencode's own record says what became of the turn. */
  async onGap(): Promise<void> {
    const turn = this.#turn;
    if (!turn) return;
    await this.#reconcile(turn);
    await this.#findRequests(turn);
    await this.#settleIfIdle(turn);
  }

  /** Ends an open turn because the sidecar ends. */
  close(): void {
    if (this.#turn) this.#finish(this.#turn, "interrupted", INTERRUPTED);
    this.#coalescer.flush();
  }

  #begin(promptId: string): Turn {
    const turn = newTurn(promptId, Date.now());
    const { turnId, lastEventMs: startedAtMs } = turn;
    this.#turn = turn;
    this.#normaliser.beginTurn({ turnId, startedAtMs });
    this.#emit([{ type: "turn.started", data: { turnId, promptId } }]);
    this.#watch = setInterval(() => void this.#lookAfter(turn), WATCH_EVERY_MS);
    return turn;
  }

  async #run(turn: Turn, request: PromptRequest): Promise<void> {
    try {
      const command: { ended: Promise<void> | null } = { ended: null };
      await this.#serially(async () => {
        this.#pending = { ...this.#pending, settings: request.settings };
        await this.#applyPending();
        const client = this.#options.agent.client();
        if (client) await this.#options.setup.loadProviders(client);
        if (turn.aborting || this.#turn !== turn) return;
        if (request.kind === "shell") command.ended = this.#sendShell(turn, request);
        else await this.#sendPrompt(turn, request);
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
      await this.#abortInAgent(turn);
    this.#finish(turn, turn.aborting ? "aborted" : "error", turn.aborting ? null : turn.failure);
  }

  async #endOverfull(turn: Turn): Promise<void> {
    if (turn.overfull) return;
    turn.overfull = true;
    const { problem: detail, isLeft } = this.#options.spool;
    turn.failure = isLeft ? leftAlone(detail) : noRoom(detail);
    await this.#abortInAgent(turn);
  }

  /** Resolves when opencode has taken the prompt; its events tell the rest. */
  async #sendPrompt(turn: Turn, request: PromptRequest): Promise<void> {
    const { model, agent } = request.settings;
    const input = {
      text: request.text,
      model,
      agent,
      effort: request.effort,
      attachments: request.attachments ?? [],
    };
    await this.#clientFor(turn).prompt(input);
    turn.taken = true;
    this.#tell("opencode has the prompt", turn);
  }

  /** Resolves when the command has ended. */
  async #sendShell(turn: Turn, request: PromptRequest): Promise<void> {
    const { model, agent } = request.settings;
    this.#tell("opencode gets the command", turn);
    await this.#clientFor(turn).shell({ command: request.text, model, agent });
  }

  #tell(message: string, turn: Turn, fields: LogFields = {}): void {
    const { turnId, promptId, requestId } = turn;
    const { sessionId } = this.#options;
    inRequest(requestId, () => this.#options.log.info(message, { sessionId, turnId, promptId, ...fields }));
  }

  #clientFor(turn: Turn): AgentClient {
    const client = this.#options.agent.client();
    if (!client) throw new SidecarError("agent_failed", "The agent stopped: send the prompt again.");
    turn.sent = true;
    return client;
  }

  #noteError(turn: Turn, event: Extract<AgentEvent, { type: "session.error" }>): void {
    const { sessionID, error } = event.properties;
    if (sessionID !== this.#options.sessionId || !error) return this.#emit(this.#normaliser.take(event));
    const told = failureOf(error);
    // opencode tells some failures twice, the second time with its stack.
    if (!told || turn.failure || turn.aborting) return;
    const { problem } = this.#options.spool;
    // On a full disk it says only that a statement failed; the spool, which lies beside its store, knows why.
    turn.failure = told.code === "agent_error" && problem !== null ? noRoom(problem) : told;
    this.#emit(
      turn.failure === told ? this.#normaliser.take(event) : [{ type: "error", data: turn.failure }],
    );
    if (!turn.busySeen) void delay(REFUSED_AFTER_MS).then(() => this.#settleIfIdle(turn));
  }

  async #settle(turn: Turn): Promise<void> {
    if (turn.settling || !this.#isAtWork(turn)) return;
    turn.settling = true;
    if (this.#options.spool.state.hasOpenParts) await this.#waitForParts();
    if (this.#options.spool.state.hasOpenParts) await this.#reconcile(turn);
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

  async #waitForParts(): Promise<void> {
    const limit = new AbortController();
    const closed = new Promise<void>((resolve) => {
      this.#partsClosed = resolve;
    });
    await Promise.race([closed, delay(SETTLE_MS, undefined, { signal: limit.signal })]).catch(describeError);
    limit.abort();
    this.#partsClosed = null;
  }

  async #reconcile(turn: Turn): Promise<void> {
    try {
      await this.#takeHistory(turn, this.#options.sessionId);
      for (const childId of this.#normaliser.openChildren()) await this.#takeHistory(turn, childId);
    } catch (error) {
      this.#options.log.warn("agent history unknown", { error: describeError(error) });
    }
  }

  async #takeHistory(turn: Turn, sessionId: string): Promise<void> {
    const history = await this.#options.agent.client()?.history(sessionId);
    if (history && this.#turn === turn) this.#emit(this.#normaliser.takeHistory(history));
  }

  /** Opens what was asked while no events came: an approval that nobody sees would hold the turn for ever. */
  async #findRequests(turn: Turn): Promise<void> {
    try {
      const waiting = (await this.#options.agent.client()?.waiting()) ?? [];
      if (this.#turn !== turn) return;
      for (const event of waiting) this.#emit(this.#normaliser.take(event));
    } catch (error) {
      this.#options.log.warn("open requests unknown", { error: describeError(error) });
    }
  }

  async #abortRound(turn: Turn): Promise<void> {
    try {
      await Promise.race([this.#options.agent.client()?.abort(), delay(ABORT_ROUND_MS)]);
    } catch (error) {
      this.#options.log.warn("abort failed, trying again", { error: describeError(error) });
    }
    if (turn.busySeen) return;
    await Promise.race([turn.over, delay(REFUSED_AFTER_MS)]);
    if (!turn.busySeen) await Promise.race([this.#settleIfIdle(turn), delay(ABORT_ROUND_MS)]);
  }

  async #lookAfter(turn: Turn): Promise<void> {
    const begun = turn.taken || turn.busySeen;
    if (begun && Date.now() - turn.lastEventMs > SILENT_AFTER_MS) await this.#settleIfIdle(turn);
  }

  #finish(turn: Turn, outcome: TurnOutcome, failure: Failure | null): void {
    if (this.#turn !== turn) return;
    const { turnId, promptId } = turn;
    const reason: CloseReason = outcome === "done" ? "interrupted" : outcome;
    this.#emit(this.#normaliser.endTurn());
    this.#emit(this.#options.spool.state.closers(reason, Date.now()));
    this.#emit([
      { type: "turn.ended", data: { turnId, promptId, outcome, ...(failure ? { error: failure } : {}) } },
    ]);
    this.#turn = null;
    if (this.#watch) clearInterval(this.#watch);
    this.#watch = null;
    turn.end();
    this.#tell("turn ended", turn, { outcome, failure: failure?.code });
    void this.#afterTurn();
  }

  async #afterTurn(): Promise<void> {
    try {
      await this.#options.sweep();
      await this.#applyBetweenTurns();
    } catch (error) {
      this.#options.log.error("clean-up after a turn failed", { error: describeError(error) });
    }
  }

  /** False when a turn has begun meanwhile: what is pending stays for it, or for its end, as a reload ends running tools. */
  async #applyBetweenTurns(): Promise<boolean> {
    let applied = false;
    await this.#serially(async () => {
      if (this.#turn) return;
      await this.#applyPending();
      applied = true;
    });
    return applied;
  }

  async #applyPending(): Promise<void> {
    const client = this.#options.agent.client();
    await client?.prepared;
    const change = this.#pending;
    this.#pending = {};
    try {
      await this.#options.setup.change(change, client);
    } catch (error) {
      // Tried again at the next occasion; what was asked for meanwhile is newer.
      this.#pending = { ...change, ...this.#pending };
      throw error;
    }
  }

  #serially(act: () => Promise<void>): Promise<void> {
    const result = this.#chain.then(act);
    this.#chain = result.catch(() => {
      // Told to the caller by `result`; the next in line is not concerned.
    });
    return result;
  }

  #emit(events: readonly SidecarEventBody[]): void {
    if (events.length > 0) this.#coalescer.push(events);
    if (this.#partsClosed && !this.#options.spool.state.hasOpenParts) this.#partsClosed();
  }
}
