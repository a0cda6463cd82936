/** `#script` prompts: what the model does, line by line (contract.md, "Demo model"). */
import { z } from "zod";
import type { Step } from "./steps";

const ALLOWED =
  "`say TEXT`, `think TEXT`, `tool NAME {json}`, `delay MS`, `sleep MS`, `flood N`, `fail STATUS` (400 to 599, or `cut`), `hang`";

/** Ten minutes: longer pauses outlive every client's patience. */
const MAX_MS = 10 * 60_000;
const MAX_FLOOD = 1_000_000;

const toolInput = z.record(z.string(), z.unknown());

/** The lines of a script, or undefined when the prompt is free text. */
export function scriptLines(prompt: string): string[] | undefined {
  const [first, ...lines] = prompt.trim().split(/\r?\n/);
  return first?.trim() === "#script" ? lines : undefined;
}

/** A line that cannot be read becomes a sentence about it, and the script ends there. Blank lines count for nothing. */
export function parseScript(lines: readonly string[]): Step[] {
  const steps: Step[] = [];
  for (const line of lines) {
    if (line.trim() === "") continue;
    const step = parseLine(line.trim());
    if (step === undefined) {
      steps.push({
        kind: "say",
        text: `I cannot read the line \`${line.trim()}\`. A script's lines are: ${ALLOWED}.`,
      });
      break;
    }
    steps.push(step);
  }
  return steps;
}

function parseLine(line: string): Step | undefined {
  const [, word = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
  switch (word) {
    case "say":
    case "think":
      return rest === "" ? undefined : { kind: word, text: rest };
    case "tool":
      return parseTool(rest);
    case "delay":
    case "sleep": {
      const ms = parseNumber(rest, MAX_MS);
      return ms === undefined ? undefined : { kind: word, ms };
    }
    case "flood": {
      const count = parseNumber(rest, MAX_FLOOD);
      return count === undefined ? undefined : { kind: "flood", count };
    }
    case "fail":
      if (rest === "cut") return { kind: "fail", with: "cut" };
      return /^[45]\d\d$/.test(rest) ? { kind: "fail", with: Number(rest) } : undefined;
    case "hang":
      return rest === "" ? { kind: "hang" } : undefined;
    default:
      return undefined;
  }
}

function parseNumber(text: string, max: number): number | undefined {
  return /^\d{1,9}$/.test(text) && Number(text) <= max ? Number(text) : undefined;
}

function parseTool(text: string): Step | undefined {
  const [, name = "", json = ""] = /^(\S+)\s*(.*)$/.exec(text) ?? [];
  if (name === "") return undefined;
  try {
    const input = toolInput.safeParse(JSON.parse(json || "{}"));
    return input.success ? { kind: "tool", name, input: input.data } : undefined;
  } catch {
    return undefined; // not JSON: the line is said to be unreadable
  }
}
