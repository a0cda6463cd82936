/** Something runs, and says what. @param label read out; seen too unless `hideLabel` */
export function Spinner({ label, hideLabel = false }: { label: string; hideLabel?: boolean }) {
  return (
    <span role="status" className="inline-flex items-center gap-2 text-muted">
      <span
        aria-hidden
        className="inline-block size-3.5 shrink-0 animate-turn rounded-full border-[1.5px] border-line border-t-muted"
      />
      <span className={hideLabel ? "sr-only" : ""}>{label}</span>
    </span>
  );
}
