import type { Role } from "../../../server/db/schema";

/** Who looks after the installation; the server itself refuses everybody else. */
export function mayRun({ role }: { role: Role }): boolean {
  return role === "owner" || role === "admin";
}
