import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "@lydell/node-pty";
import { openTerminal } from "../src/client/index";
import { type BenchContext, settle } from "./context";
import { type BenchProduct, startBenchProduct, untilReady } from "./product";
import { type FigureReport, number } from "./table";

const BLOCKS = 3;
const KEYS_A_BLOCK = 100;
const KEY_INTERVAL_MS = 50;
/** Wide enough that no block of keys reaches the line's end, where the shell writes more than an echo. */
const SIZE = { cols: 400, rows: 24 };
const LIMIT_MS = 10_000;

/** A shell that takes keys and tells what it wrote. The caller closes it. */
interface Shell {
  press(key: string): void;
  /** Set to hear of output. */
  onOutput: (text: string) => void;
  close(): Promise<void>;
}

/** A key sent until its echo is seen, in a session's terminal and in the same shell on a pty of this process. */
export async function terminalEcho(ctx: BenchContext): Promise<FigureReport> {
  const bench = await startBenchProduct(ctx);
  try {
    const { id } = await bench.client.sessions.create.mutate({ title: "Bench" });
    await untilReady(bench.client, id);
    const remote = await openRemote(bench, id);
    const closeRemote = ctx.cleanup.add(remote.close);
    const local = openPty();
    const closeLocal = ctx.cleanup.add(local.close);
    const ours: number[] = [];
    const baseline: number[] = [];
    for (let block = 0; block <= BLOCKS; block++) {
      const remoteMs = await typeBlock(remote);
      const localMs = await typeBlock(local);
      ctx.progress(
        `terminal echo ${block}/${BLOCKS}: last ${number(remoteMs.at(-1) ?? 0)} ms, pty ${number(localMs.at(-1) ?? 0)} ms`,
      );
      // The first block warms both up.
      if (block === 0) continue;
      ours.push(...remoteMs);
      baseline.push(...localMs);
    }
    await closeRemote();
    await closeLocal();
    await bench.client.sessions.remove.mutate({ id });
    return {
      figures: [
        {
          name: "terminal key → echo",
          unit: "ms",
          ours,
          baseline,
          compare: "added",
          aim: "p95 ≤ +10 ms",
          baselineIs:
            "bash on a pty of the same program that reads ours, without container, server or socket",
        },
      ],
      notes: [],
    };
  } finally {
    await bench.close();
  }
}

async function typeBlock(shell: Shell): Promise<number[]> {
  const samples: number[] = [];
  for (let key = 0; key < KEYS_A_BLOCK; key++) {
    const letter = String.fromCharCode(97 + (key % 26));
    const ms = await echoOf(shell, letter);
    samples.push(ms);
    await settle(Math.max(0, KEY_INTERVAL_MS - ms));
  }
  // Ctrl-U takes the line away, so that the next block begins at the prompt again.
  shell.press("\u0015");
  await settle(KEY_INTERVAL_MS * 4);
  return samples;
}

function echoOf(shell: Shell, key: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no echo of "${key}" within ${LIMIT_MS} ms`)), LIMIT_MS);
    shell.onOutput = (text) => {
      if (!text.includes(key)) return;
      const ms = performance.now() - begun;
      clearTimeout(timer);
      shell.onOutput = ignore;
      resolve(ms);
    };
    const begun = performance.now();
    shell.press(key);
  });
}

function ignore(): void {
  // Output that no key waits for: the prompt, the end of a block.
}

function openPty(): Shell {
  const home = mkdtempSync(join(tmpdir(), "oa-bench-"));
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: home, TERM: "xterm-256color", LANG: "C.UTF-8" };
  const pty = spawn("/bin/bash", ["-l"], { ...SIZE, name: env.TERM, cwd: home, env });
  const ended = new Promise<void>((resolve) => pty.onExit(() => resolve()));
  const shell: Shell = {
    press: (key) => pty.write(key),
    onOutput: ignore,
    async close() {
      pty.kill("SIGKILL");
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
  pty.onData((text) => shell.onOutput(text));
  return shell;
}

async function openRemote({ client, url, token }: BenchProduct, sessionId: string): Promise<Shell> {
  let prompted: () => void = ignore;
  // The shell's first output is its prompt: it takes keys from here on.
  const ready = new Promise<void>((resolve) => (prompted = resolve));
  const decoder = new TextDecoder();
  const terminal = await openTerminal(client, {
    url,
    token,
    sessionId,
    ...SIZE,
    onOutput: (bytes) => shell.onOutput(decoder.decode(bytes)),
  });
  const shell: Shell = {
    press: (key) => terminal.write(key),
    onOutput: prompted,
    close: () => terminal.close(),
  };
  await ready;
  return shell;
}
