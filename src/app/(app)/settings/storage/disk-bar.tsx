import type { Disk } from "../../../../server/storage/disk-guard";
import { bytesText } from "./bytes";

const NAMES = {
  database: "Database",
  sessions: "Files of sessions",
  both: "Database and files of sessions",
} as const;

/** How full a disk is, with the mark above which no session begins. */
export function DiskBar({ disk, highWaterPercent }: { disk: Disk; highWaterPercent: number }) {
  const percent = Math.floor(disk.usedPercent);
  const isFull = disk.usedPercent >= highWaterPercent;
  const name = NAMES[disk.holds.length > 1 ? "both" : (disk.holds[0] ?? "both")];
  const text = `${percent} % used, ${bytesText(disk.freeBytes)} of ${bytesText(disk.totalBytes)} free`;
  return (
    <div>
      <div className="mb-1 flex flex-wrap justify-between gap-x-4">
        <span className="font-medium">{name}</span>
        <span className="text-muted tabular-nums">{text}</span>
      </div>
      <div
        role="meter"
        aria-label={name}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={text}
        className="relative h-2 rounded-full bg-hover"
      >
        <div
          className={`h-full rounded-full ${isFull ? "bg-danger" : "bg-accent"}`}
          style={{ width: `${Math.min(100, disk.usedPercent)}%` }}
        />
        <div
          className="absolute -inset-y-0.5 w-0.5 bg-fg"
          style={{ left: `calc(${highWaterPercent}% - 2px)` }}
        />
      </div>
      {isFull && (
        <p className="mt-1 text-danger">
          Too full for new sessions. Delete sessions that nobody needs, or make room on the machine.
        </p>
      )}
    </div>
  );
}
