import { describe, expect, it } from "vitest";
import { hasForegroundJob } from "./foreground-job";
import { startPty } from "./pty-process";

describe("a terminal's foreground job", () => {
  it("is there while a program runs that was started in the shell, and not before or after", async () => {
    let output = "";
    let hasEnded = false;
    const pty = startPty({
      argv: ["/bin/bash", "--norc", "-i"],
      cwd: "/",
      env: { PATH: process.env.PATH ?? "", TERM: "xterm" },
      cols: 80,
      rows: 24,
      onOutput: (bytes) => (output += bytes.toString("utf8")),
      onExit: () => (hasEnded = true),
    });
    try {
      await expect.poll(() => output).toMatch(/[#$] $/);
      await expect.poll(() => hasForegroundJob(pty.pid)).toBe(false);
      pty.write("sleep 60 & \r");
      await expect.poll(() => output).toMatch(/\[1\] \d+/);
      await expect.poll(() => hasForegroundJob(pty.pid)).toBe(false);
      pty.write("cat\r");
      await expect.poll(() => hasForegroundJob(pty.pid)).toBe(true);
      pty.write("\u0004");
      await expect.poll(() => hasForegroundJob(pty.pid)).toBe(false);
      pty.write("kill %1; exit\r");
      await expect.poll(() => hasEnded).toBe(true);
    } finally {
      if (!hasEnded) process.kill(pty.pid, "SIGHUP");
    }
  });

  it("is not there for a process that is no more", () => {
    expect(hasForegroundJob(2 ** 22 + 1)).toBe(false);
  });
});
