import { Progress as Base } from "@base-ui/react/progress";

/** How far something is. @param value of `max` */
export function Progress({ label, value, max }: { label: string; value: number; max: number }) {
  return (
    <Base.Root value={value} max={max} className="flex flex-col gap-1">
      <Base.Label className="text-small text-muted">{label}</Base.Label>
      <Base.Track className="h-1 overflow-hidden rounded-full bg-hover">
        <Base.Indicator className="bg-accent transition-[width] duration-150" />
      </Base.Track>
    </Base.Root>
  );
}
