import type { Me } from "../../_session/session-rights";

/** May this person set what holds for everybody? What the page offers; the server decides. */
export function isAdmin({ role }: Pick<Me, "role">): boolean {
  return role === "owner" || role === "admin";
}
