/** The name with its mark. */
export function Brand() {
  return (
    <span className="inline-flex items-center gap-2 font-semibold">
      <svg viewBox="0 0 32 32" width="18" height="18" aria-hidden className="shrink-0">
        <rect width="32" height="32" rx="7" className="fill-accent" />
        <circle cx="16" cy="16" r="7" fill="none" className="stroke-on-accent" strokeWidth="3" />
      </svg>
      OpenAgent
    </span>
  );
}
