import { expect, test } from "vitest";
import { startPty, type PtyProcess } from "./pty-process";

interface Run {
  pty: PtyProcess;
  output: string;
  exitCode: number | null;
}

/** Pauses at the first output, which the script waits for with `read`. */
async function pausedThenGoesOn(script: string): Promise<Run> {
  const run: Partial<Run> & Pick<Run, "output" | "exitCode"> = { output: "", exitCode: null };
  const pty = startPty({
    argv: ["/bin/sh", "-c", `echo ready; read _; ${script}`],
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    cols: 80,
    rows: 24,
    onOutput: (bytes) => {
      run.output += bytes.toString();
      pty.pause();
    },
    onExit: (code) => (run.exitCode = code),
  });
  const whole = Object.assign(run, { pty });
  await expect.poll(() => whole.output).toContain("ready");
  pty.write("\n");
  return whole;
}

test("the last output of a program that ends while paused comes before its end", async () => {
  const run = await pausedThenGoesOn("seq 1 500; echo last-$((1+1)); exit 3");
  await expect.poll(() => run.exitCode, { timeout: 10_000 }).toBe(3);
  expect(run.output).toContain("\r\n500\r\nlast-2\r\n");
});

test("a program left in the background does not keep an ended terminal open", async () => {
  const run = await pausedThenGoesOn("trap '' HUP; sleep 5 & echo last-$((1+1)); exit 4");
  await expect.poll(() => run.exitCode, { timeout: 4000 }).toBe(4);
  expect(run.output).toContain("last-2");
});
