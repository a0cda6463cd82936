import { CopyButton } from "./copy-button";

/** Text to take away: a line of its own each, wrapped on narrow screens, copied by one press. */
export function Snippet({ text, what }: { text: string; what: string }) {
  return (
    <div className="flex items-start gap-2 rounded-md border border-line bg-raised py-1 pr-1 pl-3">
      <pre className="min-w-0 flex-1 py-1.5 font-mono text-small break-all whitespace-pre-wrap">{text}</pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}
