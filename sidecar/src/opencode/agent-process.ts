import { spawn, type ChildProcess } from "node:child_process";
import { withoutInherited } from "../closed-descriptors";
import { SidecarError } from "../errors";

const START_LIMIT_MS = 30_000;
const STDERR_TAIL_UNITS = 4000;
const LISTENING = /opencode server listening on http:\/\//;

/**
 * Makes the agent's directories and goes to the workspace as the agent itself: the sidecar's uid has no rights there.
 * The stub in the configuration directory keeps opencode from fetching its plugin package over the network; in the session
 * image it is there already, read-only.
 */
const PREPARE = `
set -e
umask 022
mkdir -p "$HOME" "$XDG_DATA_HOME" "$XDG_STATE_HOME" "$XDG_CACHE_HOME" "$XDG_CONFIG_HOME/opencode/node_modules"
cd "$XDG_CONFIG_HOME/opencode"
[ -e package.json ] || printf '%s' '{"dependencies":{"@opencode-ai/plugin":"1.18.33"}}' > package.json
[ -e package-lock.json ] || printf '%s' '{"name":"opencode","lockfileVersion":3,"packages":{"":{"dependencies":{"@opencode-ai/plugin":"1.18.33"}}}}' > package-lock.json
cd "$1"
shift
exec "$@"
`;

export interface AgentCommand {
  /** Drops to the agent's uid; may be empty. */
  prefix: readonly string[];
  bin: string;
  port: number;
  workspace: string;
  environment: Readonly<Record<string, string>>;
}

export interface AgentExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Last words on standard error. */
  stderr: string;
}

/** A running `opencode serve` in a process group of its own. Whoever spawns one stops it with {@link AgentProcess.kill}. */
export class AgentProcess {
  readonly #child: ChildProcess;
  readonly #listens: Promise<string | null>;
  #stderr = "";
  /** Resolves when the process is gone, however it ended. */
  readonly exited: Promise<AgentExit>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL_UNITS);
    });
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => resolve({ code: null, signal: null, stderr: error.message }));
      // Not "close": a tool that outlives opencode may hold its pipes open.
      child.once("exit", (code, signal) =>
        setImmediate(() => resolve({ code, signal, stderr: this.#stderr.trim() })),
      );
    });
    this.#listens = this.#firstWord();
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  static spawn(command: AgentCommand): AgentProcess {
    const serve = [command.bin, "serve", "--hostname=127.0.0.1", `--port=${command.port}`];
    const prepared = ["/bin/sh", "-c", PREPARE, "openagent", command.workspace, ...serve];
    const [program, ...args] = withoutInherited([...command.prefix, ...prepared]);
    const child = spawn(program, args, {
      cwd: "/",
      // The declared type wants the sidecar's own variables, none of which may reach the agent.
      env: { ...command.environment } as NodeJS.ProcessEnv,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new AgentProcess(child);
  }

  /**
   * Resolves when opencode listens.
   * @throws SidecarError `agent_failed` when it ends before, does not listen within 30 s of its start, or `signal` aborts;
   * nothing runs then.
   */
  async listening(signal: AbortSignal): Promise<void> {
    const heard = new AbortController();
    const problem = await Promise.race([this.#listens, aborted(signal, heard.signal)]);
    heard.abort();
    if (problem === null) return;
    this.kill("SIGKILL");
    const detail = `${problem}${this.#stderr ? `: ${this.#stderr.trim()}` : ""}`;
    throw new SidecarError("agent_failed", "The agent did not start: restart the session.", detail);
  }

  /** The whole group; tools that left it are found by their uid. */
  kill(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null)
      return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // The group ended between the look and the signal.
    }
  }

  /** Null when it listens, else why not. */
  #firstWord(): Promise<string | null> {
    return new Promise((resolve) => {
      let seen = "";
      const finish = (problem: string | null) => {
        clearTimeout(timer);
        resolve(problem);
      };
      const timer = setTimeout(
        () => finish(`no listening line within ${START_LIMIT_MS / 1000} s`),
        START_LIMIT_MS,
      );
      // Read on after the line: a full pipe would stop opencode.
      this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        seen = (seen + text).slice(-STDERR_TAIL_UNITS);
        if (LISTENING.test(seen)) finish(null);
      });
      void this.exited.then((exit) =>
        finish(`it ended with ${exit.signal ?? `code ${exit.code}`} before it listened`),
      );
    });
  }
}

/** @param heard lets go of `signal`, which lives longer */
function aborted(signal: AbortSignal, heard: AbortSignal): Promise<string> {
  const problem = "the sidecar is ending";
  return new Promise((resolve) => {
    if (signal.aborted) resolve(problem);
    else signal.addEventListener("abort", () => resolve(problem), { once: true, signal: heard });
  });
}
