/** What roles mean, for the server, which decides, and for pages, which show no more than it allows. */
import type { Role } from "./server/db/schema";

/** From the least to the most powerful. */
const RANK: Record<Role, number> = { viewer: 0, member: 1, admin: 2, owner: 3 };

/** @returns whether `role` is `least` or more */
export function roleAtLeast(role: Role, least: Role): boolean {
  return RANK[role] >= RANK[least];
}

/** Who looks after the installation and what the team shares. */
export function mayRun({ role }: { role: Role }): boolean {
  return roleAtLeast(role, "admin");
}
