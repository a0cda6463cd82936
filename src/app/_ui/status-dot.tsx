/** `attention` amber, `failed` red, `good` green; `running` moves; `quiet` and `off` are greys. */
export type Tone = "running" | "attention" | "failed" | "good" | "quiet" | "off";

const DOT: Record<Tone, string> = {
  running: "bg-accent animate-beat",
  attention: "bg-warn",
  failed: "bg-danger",
  good: "bg-good",
  quiet: "border-[1.5px] border-muted",
  off: "rounded-[2px] bg-muted/60",
};

const WORD: Record<Tone, string> = {
  running: "text-fg",
  attention: "text-warn",
  failed: "text-danger",
  good: "text-good",
  quiet: "text-muted",
  off: "text-muted",
};

interface StatusDotProps {
  tone: Tone;
  word: string;
  /** The word is read out and shown on hover, where a line has no room for it. */
  dotOnly?: boolean;
}

/** A dot with a word: never a colour alone. */
export function StatusDot({ tone, word, dotOnly = false }: StatusDotProps) {
  return (
    <span
      className={`inline-flex items-center gap-1.5 whitespace-nowrap tabular-nums ${WORD[tone]}`}
      title={dotOnly ? word : undefined}
    >
      <span aria-hidden className={`inline-block size-2 shrink-0 rounded-full ${DOT[tone]}`} />
      <span className={dotOnly ? "sr-only" : ""}>{word}</span>
    </span>
  );
}
