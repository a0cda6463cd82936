import type { Disk } from "../../../../server/storage/disk-guard";
import { byteSize } from "../../../_ui/byte-size";
import { Meter } from "../../../_ui/meter";

const NAMES = {
  database: "Database",
  sessions: "Files of sessions",
  both: "Database and files of sessions",
} as const;

/** How full a disk is, with the mark above which no session begins. */
export function DiskBar({ disk, highWaterPercent }: { disk: Disk; highWaterPercent: number }) {
  const percent = Math.floor(disk.usedPercent);
  const isFull = disk.usedPercent >= highWaterPercent;
  return (
    <div>
      <Meter
        label={NAMES[disk.holds.length > 1 ? "both" : (disk.holds[0] ?? "both")]}
        text={`${percent} % used, ${byteSize(disk.freeBytes)} of ${byteSize(disk.totalBytes)} free`}
        value={percent}
        max={100}
        mark={highWaterPercent}
        high={isFull}
      />
      {isFull && (
        <p className="mt-1 text-danger">
          Too full for new sessions. Delete sessions that nobody needs, or make room on the machine.
        </p>
      )}
    </div>
  );
}
