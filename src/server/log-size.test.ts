import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { shrinkLog } from "./log-size";

describe("the log's file", () => {
  let dir: string;
  let file: string;
  let output: number;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "oa-log-"));
    file = join(dir, "server.log");
    output = openSync(file, "a", 0o600);
  });
  afterEach(() => {
    closeSync(output);
    rmSync(dir, { recursive: true });
  });
  const write = (text: string) => void writeSync(output, text);
  const kept = () => `${file}.1`;

  it("is left alone while it is small", () => {
    write("0123456789");
    shrinkLog({ file, output, maxBytes: 10 });
    expect(readFileSync(file, "utf8")).toBe("0123456789");
    expect(existsSync(kept())).toBe(false);
  });

  it("begins anew when it is large, loses no line, and keeps one file of what was before, for its owner alone", () => {
    write("the first part\n");
    shrinkLog({ file, output, maxBytes: 10 });
    write("second\n");
    expect(readFileSync(file, "utf8")).toBe("second\n");
    expect(readFileSync(kept(), "utf8")).toBe("the first part\n");
    write("and more of it\n");
    shrinkLog({ file, output, maxBytes: 10 });
    expect(readFileSync(file, "utf8")).toBe("");
    expect(readFileSync(kept(), "utf8")).toBe("second\nand more of it\n");
    expect(statSync(kept()).mode & 0o777).toBe(0o600);
  });

  it("is left alone when the output goes to another one, or it is not there", () => {
    write("not this process's output");
    const elsewhere = openSync(join(dir, "elsewhere"), "a");
    try {
      shrinkLog({ file, output: elsewhere, maxBytes: 10 });
      shrinkLog({ file: join(dir, "none"), output, maxBytes: 10 });
      expect(readFileSync(file, "utf8")).toBe("not this process's output");
    } finally {
      closeSync(elsewhere);
    }
  });

  it("gives the disk back even where there is no room for the copy", () => {
    mkdirSync(kept());
    write("the first part\n");
    expect(() => shrinkLog({ file, output, maxBytes: 10 })).toThrow();
    expect(statSync(file).size).toBe(0);
  });
});
