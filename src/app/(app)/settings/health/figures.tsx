export interface Figure {
  label: string;
  value: string;
  /** What is behind it, in small. */
  note?: string;
  /** Somebody should look at it. */
  isBad?: boolean;
}

/** Numbers side by side, as many as fit. */
export function Figures({ figures }: { figures: readonly Figure[] }) {
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-4 sm:grid-cols-4">
      {figures.map(({ label, value, note, isBad = false }) => (
        <div key={label} className="flex min-w-0 flex-col">
          <dt className="text-small text-muted">{label}</dt>
          <dd className={`text-lg tabular-nums ${isBad ? "text-danger" : ""}`}>
            {value}
            {note !== undefined && (
              <span className="block text-small [overflow-wrap:anywhere] text-muted">{note}</span>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
