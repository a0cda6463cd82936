"use client";

import { useQuery } from "@tanstack/react-query";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { byteSize } from "../../../_ui/byte-size";
import { Notice } from "../../../_ui/notice";
import { Spinner } from "../../../_ui/spinner";
import { Time } from "../../../_ui/time";
import { Section } from "../section";
import { DiskBar } from "./disk-bar";
import { Reclaim } from "./reclaim";
import { StoredSessions } from "./stored-sessions";
import { STORAGE_KEY } from "./storage-key";

/** How full the disks are, which sessions fill them, and what can be given back. */
export function StoragePage() {
  const { data, error } = useQuery({
    queryKey: STORAGE_KEY,
    queryFn: () => api.storage.summary.query(),
  });
  if (error !== null) return <Notice className="mt-5">{sentenceOf(error)}</Notice>;
  if (data === undefined)
    return (
      <div className="py-5">
        <Spinner label="Measuring: that takes a moment where there are many files…" />
      </div>
    );
  const lead = (
    <>
      {byteSize(data.totalBytes)} in all
      {data.measuredAt !== null && (
        <>
          , measured <Time at={data.measuredAt} ago />
        </>
      )}
      . Deleting a session gives its room back.
    </>
  );
  return (
    <>
      <Section
        title="Disk"
        lead={`New sessions begin below ${data.highWaterPercent} %. Those that there are go on, and can be resumed.`}
      >
        <div className="flex flex-col gap-4">
          {data.disks.map((disk) => (
            <DiskBar key={disk.holds.join()} disk={disk} highWaterPercent={data.highWaterPercent} />
          ))}
        </div>
      </Section>
      {data.mayReclaim && <Reclaim />}
      <Section title="Sessions" lead={data.problem === null ? lead : undefined}>
        {data.problem !== null && <Notice className="mb-3">{data.problem}</Notice>}
        <StoredSessions sessions={data.sessions} more={data.more} />
      </Section>
    </>
  );
}
