import { existsSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keepTerminals, takeKeptTerminals } from "./kept-terminals";

describe("terminals that outlive their container", () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "oa-kept-"));
    path = join(dir, "terminals.json");
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const history = { output: Buffer.from([0, 27, 255, 10]), endOffset: 900_000 };
  const terminal = { terminalId: "trm_1", cols: 80, rows: 24, history };

  it("come back byte for byte, once, from a file that is the sidecar's alone", async () => {
    await keepTerminals(path, [terminal]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await takeKeptTerminals(path)).toEqual([terminal]);
    expect(await takeKeptTerminals(path)).toEqual([]);
  });

  it.each([
    ["torn", "[{"],
    ["of another form", '[{"terminalId":"trm_1"}]'],
    ["a screen of no size", '[{"terminalId":"trm_1","cols":0,"rows":24,"endOffset":0,"output":""}]'],
    ["longer than it says", '[{"terminalId":"trm_1","cols":80,"rows":24,"endOffset":1,"output":"AAAA"}]'],
  ])("are none where the file is %s, and it does not come again", async (_, text) => {
    writeFileSync(path, text);
    await expect(takeKeptTerminals(path)).rejects.toThrow();
    expect(existsSync(path)).toBe(false);
  });

  it("are none where the file is larger than any that was written", async () => {
    writeFileSync(path, "[]");
    truncateSync(path, 17 * 1024 * 1024);
    await expect(takeKeptTerminals(path)).rejects.toThrow(/larger/);
    expect(existsSync(path)).toBe(false);
  });
});
