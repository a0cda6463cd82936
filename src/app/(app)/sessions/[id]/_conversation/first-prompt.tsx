import { ChevronRight } from "lucide-react";

/** Small, different in kind, and done by the demo model too: its script writes a page and runs a command for any text. */
const IDEAS: readonly { text: string; isCommand?: true }[] = [
  { text: "Make a hello page" },
  { text: "Write a script that counts words, with tests" },
  { text: "! ls -la", isCommand: true },
];

interface FirstPromptProps {
  isCreating: boolean;
  /** Puts a text where it can be changed and sent; missing for readers. */
  onIdea: ((text: string) => void) | undefined;
}

/** What stands where the conversation will be. */
export function FirstPrompt({ isCreating, onIdea }: FirstPromptProps) {
  return (
    <div className="mx-auto flex max-w-[420px] flex-col gap-4 py-10 sm:py-16">
      <div>
        <h2 className="text-base font-semibold">What should the agent do?</h2>
        <p className="mt-1 text-muted">
          {isCreating
            ? "Its container is being made. What you send waits here and is begun as soon as it is ready."
            : "It works in a container of its own, with files, a shell and git. You see each step here."}
        </p>
      </div>
      {onIdea !== undefined && (
        <ul aria-label="Ideas" className="divide-y divide-line border-y border-line">
          {IDEAS.map(({ text, isCommand }) => (
            <li key={text}>
              <button
                type="button"
                onClick={() => onIdea(text)}
                className="flex min-h-9 w-full cursor-pointer items-center gap-3 px-1 text-left text-muted -outline-offset-2 hover:bg-raised hover:text-fg pointer-coarse:min-h-11"
              >
                <span className={isCommand ? "font-mono text-[13px]" : ""}>{text}</span>
                {isCommand && <span className="text-small">runs a command yourself</span>}
                <ChevronRight size={14} aria-hidden className="ml-auto shrink-0" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
