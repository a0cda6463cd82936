/** What the demo model does with free text: a short guided performance with real tools, that never pretends to be an AI. */
import type { Turn } from "./chat-request";
import { firstWords, helloPage } from "./hello-page";
import { parseScript, scriptLines } from "./script";
import type { Step } from "./steps";

/** Readable as it appears, and over in seconds. */
const WORD_DELAY_MS = 12;
const MAX_OUTPUT_LINES = 12;

const PAGE = "hello.html";

/** All steps of a turn, those that are done included: which of them are this response's is `stepsOfResponse`'s work. */
export function stepsOfTurn(turn: Turn): Step[] {
  switch (turn.purpose) {
    case "title":
      return [{ kind: "say", text: titleOf(turn.prompt) }];
    case "summary":
      return [{ kind: "say", text: summaryOf(turn.prompt) }];
    case "work": {
      const script = scriptLines(turn.prompt);
      return script === undefined ? performance(turn) : parseScript(script);
    }
  }
}

function performance({ prompt, offeredTools, toolResults }: Turn): Step[] {
  const results = [...toolResults];
  const writes = offeredTools.has("write");
  const runs = offeredTools.has("bash");
  const writeResult = writes ? results.shift() : undefined;
  const runResult = runs ? results.shift() : undefined;
  const written = writeResult !== undefined && !isRefusal(writeResult);
  const command = written ? `ls -l ${PAGE} && grep -o "<h1>.*</h1>" ${PAGE}` : "ls -la";

  const steps: Step[] = [
    { kind: "delay", ms: WORD_DELAY_MS },
    {
      kind: "think",
      text: `The prompt is "${firstWords(prompt, 120)}". I am a script and understand none of it; its words will shape a page. Then a command, then a report.`,
    },
    {
      kind: "say",
      text: "I am the demo model: scripted, no AI. I cannot do what you ask, but I can show you how a session works, with real tools in this session's own container.",
    },
  ];
  if (writes) {
    steps.push(
      { kind: "say", text: `\nFirst I write a small page from the words of your prompt: \`${PAGE}\`.` },
      { kind: "tool", name: "write", input: { filePath: PAGE, content: helloPage(prompt) } },
      { kind: "say", text: afterWrite(writeResult ?? "") },
    );
  }
  if (runs) {
    steps.push(
      {
        kind: "say",
        text: "Next I run a shell command. If this session asks before commands, the question is yours to answer now.",
      },
      { kind: "tool", name: "bash", input: { command } },
      { kind: "say", text: afterCommand(runResult ?? "") },
    );
  }
  steps.push({
    kind: "say",
    text: "\nThat was the whole performance. All of it but the model was real: the container, the tools, the permissions, the events. For an AI, add a provider's key and choose one of its models. To script me line by line, begin a prompt with `#script`.",
  });
  return steps;
}

/** How opencode 1.18.33 begins the result of a tool that the person did not allow, or that the rules forbid. */
function isRefusal(result: string): boolean {
  return /user rejected permission|prevents you from using this specific tool/i.test(result);
}

function afterWrite(result: string): string {
  if (isRefusal(result)) return "You did not allow the file, so there is none.";
  return `The tool answered: ${firstWords(result, 200)}`;
}

function afterCommand(result: string): string {
  if (isRefusal(result)) return "You did not allow the command, so it was not run.";
  const lines = result.trim().split("\n");
  const shown = lines.slice(0, MAX_OUTPUT_LINES).concat(lines.length > MAX_OUTPUT_LINES ? ["…"] : []);
  return `The command answered:\n\n\`\`\`\n${shown.join("\n")}\n\`\`\``;
}

/** The person's own words; of a script, the first that it says. */
function titleOf(prompt: string): string {
  const said = parseScript(scriptLines(prompt) ?? []).find((step) => step.kind === "say");
  const words = scriptLines(prompt) === undefined ? prompt : (said?.text ?? "Scripted run");
  const title = firstWords(words, 48) || "Demo";
  return title.charAt(0).toUpperCase() + title.slice(1);
}

/** In the sections that opencode's compaction asks for. */
function summaryOf(prompt: string): string {
  const asked = [...prompt.matchAll(/^\[User\]: (.+)$/gm)].map((match) => firstWords(match[1] ?? "", 120));
  return [
    "## Objective",
    ...(asked.length === 0 ? ["- (none)"] : asked.slice(-5).map((words) => `- The person asked: ${words}`)),
    "",
    "## Important Details",
    "- Written by the demo model: scripted, no AI.",
    "",
    "## Next Move",
    "1. (none)",
  ].join("\n");
}
