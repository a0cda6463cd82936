"use client";

import { useRouter } from "next/navigation";
import { useState } from "react";
import type { Snapshot } from "../../../server/snapshots/snapshot-store";
import { sentenceOf } from "../../_client/sentence-of";
import { Button } from "../../_ui/button";
import { byteSize } from "../../_ui/byte-size";
import { ConfirmDialog } from "../../_ui/confirm-dialog";
import { Notice } from "../../_ui/notice";
import { withoutReordering } from "../../_ui/shown-text";
import { Spinner } from "../../_ui/spinner";
import { Time } from "../../_ui/time";
import type { SessionSnapshots } from "./use-snapshots";

interface SnapshotRowProps {
  snapshot: Snapshot;
  snapshots: SessionSnapshots;
  onClose: () => void;
}

export function SnapshotRow({ snapshot, snapshots, onClose }: SnapshotRowProps) {
  const [asks, setAsks] = useState<"restore" | "delete" | null>(null);
  const name = withoutReordering(snapshot.name);
  const close = () => setAsks(null);
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 py-3">
      <div className="min-w-0 flex-1 basis-56">
        <p className="font-medium [overflow-wrap:anywhere]">{name}</p>
        <Facts snapshot={snapshot} />
      </div>
      {snapshot.state !== "making" && (
        <div className="flex flex-wrap gap-2">
          {snapshot.state === "ready" && (
            <>
              <Button kind="plain" onClick={() => setAsks("restore")}>
                Restore
              </Button>
              <CopyButton snapshot={snapshot} snapshots={snapshots} onClose={onClose} />
            </>
          )}
          <Button kind="ghost" aria-label={`Delete the snapshot ${name}`} onClick={() => setAsks("delete")}>
            Delete
          </Button>
        </div>
      )}
      <ConfirmDialog
        open={asks === "restore"}
        onOpenChange={close}
        title={`Go back to “${snapshot.name}”?`}
        note="What the session has now is kept as a snapshot of its own first. Then these become as they were:"
        goes={[
          "every file of its workspace",
          "what the agent remembers; the conversation stays to be read, folded where it is undone",
          "what runs in it and its terminals: they end",
        ]}
        label="Restore"
        busyLabel="Stopping the session…"
        onConfirm={async () => {
          await snapshots.restore(snapshot, "in-place");
          onClose();
        }}
      />
      <ConfirmDialog
        open={asks === "delete"}
        onOpenChange={close}
        title={`Delete the snapshot “${snapshot.name}”?`}
        note="This cannot be undone. The session itself is not touched. It takes with it:"
        goes={["the files and the conversation’s place as they were then"]}
        label="Delete snapshot"
        busyLabel="Deleting…"
        onConfirm={() => snapshots.remove(snapshot)}
      />
    </li>
  );
}

function Facts({ snapshot }: { snapshot: Snapshot }) {
  if (snapshot.state === "making") return <Spinner label="being made…" />;
  if (snapshot.state === "failed")
    return <Notice>{snapshot.reason?.message ?? "It could not be made."}</Notice>;
  return (
    <p className="text-small text-muted">
      <Time at={snapshot.createdAt} ago /> · {byteSize(snapshot.bytes ?? 0)} · by{" "}
      {withoutReordering(snapshot.by.name)}
    </p>
  );
}

function CopyButton({ snapshot, snapshots, onClose }: SnapshotRowProps) {
  const router = useRouter();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const copy = async () => {
    setBusy(true);
    setError(null);
    try {
      const { id } = await snapshots.restore(snapshot, "new-session");
      onClose();
      router.push(`/sessions/${id}`);
    } catch (cause) {
      setError(sentenceOf(cause));
      setBusy(false);
    }
  };
  return (
    <>
      <Button kind="plain" busy={busy} busyLabel="Copying…" onClick={() => void copy()}>
        Open a copy
      </Button>
      {error !== null && <Notice className="basis-full">{error}</Notice>}
    </>
  );
}
