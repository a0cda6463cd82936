"use client";

import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import type { StoredSession } from "../../../../server/storage/storage";
import { DeleteSessionDialog } from "../../../_session/delete-session-dialog";
import { byteSize } from "../../../_ui/byte-size";
import { EmptyState } from "../../../_ui/empty-state";
import { IconButton } from "../../../_ui/icon-button";
import { withoutReordering } from "../../../_ui/shown-text";
import { STORAGE_KEY } from "./storage-key";

interface StoredSessionsProps {
  /** The largest first. */
  sessions: StoredSession[];
  /** How many more there are. */
  more: number;
}

export function StoredSessions({ sessions, more }: StoredSessionsProps) {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<StoredSession | null>(null);
  if (sessions.length === 0)
    return <EmptyState title="No sessions yet">What they store is listed here.</EmptyState>;
  return (
    <>
      <table className="w-full table-fixed border-collapse">
        <thead className="text-small text-muted">
          <tr className="border-b border-line text-left">
            <th scope="col" className="py-1 font-normal">
              Session
            </th>
            <th scope="col" className="hidden w-24 py-1 text-right font-normal sm:table-cell">
              Workspace
            </th>
            <th scope="col" className="hidden w-24 py-1 text-right font-normal sm:table-cell">
              Chat, tools
            </th>
            <th scope="col" className="hidden w-24 py-1 text-right font-normal sm:table-cell">
              Snapshots
            </th>
            <th scope="col" className="w-20 py-1 text-right font-normal">
              Total
            </th>
            <th scope="col" className="w-12">
              <span className="sr-only">Delete</span>
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {sessions.map((session) => (
            <SessionRow key={session.id} session={session} onDelete={() => setAsked(session)} />
          ))}
        </tbody>
      </table>
      {more > 0 && <p className="mt-2 text-muted">And {more} smaller ones.</p>}
      {asked !== null && (
        <DeleteSessionDialog
          open
          session={{ id: asked.id, title: asked.title ?? "" }}
          onClose={() => setAsked(null)}
          onDeleted={() => void queries.invalidateQueries({ queryKey: STORAGE_KEY })}
        />
      )}
    </>
  );
}

interface SessionRowProps {
  session: StoredSession;
  onDelete: () => void;
}

function SessionRow({ session, onDelete }: SessionRowProps) {
  const { workspaceBytes, stateBytes, snapshotBytes } = session;
  const size = (bytes: number | null) => (bytes === null ? "–" : byteSize(bytes));
  const total =
    workspaceBytes === null || stateBytes === null ? null : workspaceBytes + stateBytes + snapshotBytes;
  const title = session.title === null ? null : withoutReordering(session.title);
  return (
    <tr className="h-12">
      <td className="min-w-0 pr-2">
        {title === null ? (
          <span className="block truncate text-muted">A private session</span>
        ) : (
          <Link href={`/sessions/${session.id}`} title={title} className="block truncate hover:underline">
            <bdi>{title}</bdi>
          </Link>
        )}
        <span className="block truncate text-small text-muted">
          <bdi>{withoutReordering(session.owner)}</bdi>
        </span>
      </td>
      <td className="hidden text-right tabular-nums sm:table-cell">{size(workspaceBytes)}</td>
      <td className="hidden text-right tabular-nums sm:table-cell">{size(stateBytes)}</td>
      <td className="hidden text-right tabular-nums sm:table-cell">
        {snapshotBytes === 0 ? "–" : size(snapshotBytes)}
      </td>
      <td className="text-right font-medium tabular-nums">{size(total)}</td>
      <td className="text-right">
        {session.mayDelete && (
          <IconButton label={`Delete ${title ?? "session"}`} onClick={onDelete}>
            <Trash2 size={16} aria-hidden />
          </IconButton>
        )}
      </td>
    </tr>
  );
}
