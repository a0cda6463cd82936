/** The rows of a session as it begins, and as it goes. */
import { eq } from "drizzle-orm";
import type { ModelRef, PermissionMode } from "../../../sidecar/src/contract";
import type { Store } from "../db/database";
import {
  events,
  prompts,
  reads,
  registrations,
  type RepoSource,
  requests,
  sessions,
  snapshots,
  terminals,
  type Visibility,
} from "../db/schema";
import { titleFrom } from "./decisions";

export interface NewSession {
  title?: string | undefined;
  model: ModelRef;
  agent?: string | undefined;
  repo?: RepoSource | undefined;
  permissionMode?: PermissionMode | undefined;
  visibility?: Visibility | undefined;
  /** Waits in the queue until the agent is ready. */
  prompt?: string | undefined;
}

export function insertSession(
  store: Store,
  opts: { id: string; ownerId: string; input: NewSession; now: Date },
): void {
  const { input } = opts;
  const at = opts.now.toISOString();
  store
    .insert(sessions)
    .values({
      id: opts.id,
      ownerId: opts.ownerId,
      title: input.title ?? titleFrom(input.prompt, opts.now),
      status: "creating",
      agentState: "waking",
      model: input.model,
      agent: input.agent ?? "build",
      permissionMode: input.permissionMode ?? "ask",
      repo: input.repo ?? null,
      visibility: input.visibility ?? "private",
      epoch: 0,
      heldEpoch: 0,
      heldN: 0,
      lastSeq: 0,
      createdAt: at,
      lastActivityAt: at,
    })
    .run();
}

export function deleteSession(store: Store, id: string): void {
  store.delete(events).where(eq(events.sessionId, id)).run();
  store.delete(prompts).where(eq(prompts.sessionId, id)).run();
  store.delete(requests).where(eq(requests.sessionId, id)).run();
  store.delete(terminals).where(eq(terminals.sessionId, id)).run();
  store.delete(reads).where(eq(reads.sessionId, id)).run();
  store.delete(snapshots).where(eq(snapshots.sessionId, id)).run();
  store.delete(registrations).where(eq(registrations.sessionId, id)).run();
  store.delete(sessions).where(eq(sessions.id, id)).run();
}
