import type { Role } from "../../server/db/schema";
import type { Session } from "../../server/sessions/session-store";
import { hasEnded } from "./session-state";

/** Who looks at the page. */
export interface Me {
  id: string;
  name: string;
  email: string;
  role: Role;
}

type Subject = Pick<Session, "owner" | "visibility" | "status">;

/** What the page offers; the server decides. */
export interface SessionRights {
  write: boolean;
  remove: boolean;
  stop: boolean;
  resume: boolean;
  rebuild: boolean;
  archive: boolean;
}

export function sessionRights(me: Pick<Me, "id" | "role">, session: Subject): SessionRights {
  const isOwner = session.owner.id === me.id;
  const write = me.role !== "viewer" && (isOwner || session.visibility === "team-write");
  const ended = hasEnded(session);
  return {
    write,
    remove: isOwner && me.role !== "viewer",
    stop: write && !ended,
    resume: write && ended,
    rebuild: write && session.status !== "creating",
    archive: write && ended,
  };
}
