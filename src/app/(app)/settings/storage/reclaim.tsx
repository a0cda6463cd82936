"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Reclaimed } from "../../../../server/storage/storage";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { byteSize } from "../../../_ui/byte-size";
import { Button } from "../../../_ui/button";
import { ConfirmDialog } from "../../../_ui/confirm-dialog";
import { Notice } from "../../../_ui/notice";
import { Section } from "../section";
import { RECLAIM_KEY, STORAGE_KEY } from "./storage-key";
import { whatGoes } from "./what-goes";

/** For admins: what no session in the list has, said first and removed when they say so. */
export function Reclaim() {
  const queries = useQueryClient();
  const [asks, setAsks] = useState(false);
  const [freed, setFreed] = useState<Reclaimed | null>(null);
  const { data, error } = useQuery({
    queryKey: RECLAIM_KEY,
    queryFn: () => api.storage.reclaim.mutate({ dryRun: true }),
  });
  const goes = data === undefined ? [] : whatGoes(data);
  const canReclaim = data !== undefined && goes.length > 0;
  return (
    <Section
      title="Left-overs"
      lead="Containers that a crash left, old session images, and files of sessions and snapshots that this database does not know, such as newer ones after an older copy was put back."
      action={
        canReclaim && (
          <Button onClick={() => setAsks(true)}>
            {data.bytes > 0 ? `Reclaim ${byteSize(data.bytes)}` : "Reclaim"}
          </Button>
        )
      }
    >
      {error !== null && <Notice>{sentenceOf(error)}</Notice>}
      <p role="status" className="text-muted">
        {freed !== null && `Given back: ${byteSize(freed.bytes)}. `}
        {data !== undefined && (canReclaim ? `${goes.join(", ")}.` : "There are none.")}
      </p>
      <ConfirmDialog
        open={asks}
        onOpenChange={() => setAsks(false)}
        title="Remove the left-overs?"
        note="This cannot be undone. Sessions in the list are not touched. It removes:"
        goes={goes}
        label="Reclaim"
        busyLabel="Removing…"
        onConfirm={async () => {
          setFreed(await api.storage.reclaim.mutate({ dryRun: false }));
          await queries.invalidateQueries({ queryKey: STORAGE_KEY });
        }}
      />
    </Section>
  );
}
