import { Meter as Base } from "@base-ui/react/meter";

interface MeterProps {
  label: string;
  /** What it says, in words. */
  text: string;
  value: number;
  max: number;
  /** Where on it a limit stands, in what `max` is in. */
  mark?: number;
  /** So full that somebody must do something about it. */
  high?: boolean;
}

/** How much of something is used. */
export function Meter({ label, text, value, max, mark, high = false }: MeterProps) {
  return (
    <Base.Root value={value} max={max} getAriaValueText={() => text} className="flex flex-col gap-1.5">
      <div className="flex flex-wrap justify-between gap-x-4">
        <Base.Label>{label}</Base.Label>
        <span className={`tabular-nums ${high ? "text-danger" : "text-muted"}`}>{text}</span>
      </div>
      <div className="relative">
        <Base.Track className="h-1.5 overflow-hidden rounded-full bg-hover">
          <Base.Indicator
            className={`rounded-full transition-[width] duration-150 ${high ? "bg-danger" : "bg-accent"}`}
          />
        </Base.Track>
        {mark !== undefined && (
          <div
            className="absolute -inset-y-0.5 w-0.5 bg-fg"
            style={{ left: `calc(${(mark / max) * 100}% - 2px)` }}
          />
        )}
      </div>
    </Base.Root>
  );
}
