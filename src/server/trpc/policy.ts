import { roleAtLeast } from "../../roles";
import type { Caller } from "../auth/caller";
import { ROLES, type Role } from "../db/schema";
import { AppError } from "../errors";

/** What a personal access token can be limited to. Closed: a new scope is added here. */
export const SCOPES = ["account", "sessions:read", "sessions:write", "keys", "people", "settings"] as const;
export type Scope = (typeof SCOPES)[number];

export interface PersonPolicy {
  kind: "person";
  scope: Scope;
  /** The lowest role that may call it; viewers may never call what needs `sessions:write`. */
  minRole?: Role;
  /** Refused: a browser session is needed, so that a leaked token cannot make itself more powerful. */
  tokens?: "refused";
}

/** Who may call a procedure. Every procedure has one: the builder takes no procedure without. */
export type Policy = { kind: "open" } | PersonPolicy;

/**
 * Says no, or gives back the caller, who then is somebody.
 * @throws AppError `not_signed_in` or `not_allowed`.
 */
export function requireAllowed(policy: PersonPolicy, caller: Caller | null): Caller {
  if (caller === null) {
    throw new AppError(
      "UNAUTHORIZED",
      "not_signed_in",
      "Nobody is signed in. Sign in, or send a personal access token that is still valid.",
    );
  }
  if (caller.via.kind === "token") refuseToken(policy, caller.via.scopes);
  const least = leastRole(policy);
  if (!roleAtLeast(caller.role, least)) {
    throw notAllowed(
      `This needs the role ${rolesFrom(least)}; yours is ${caller.role}. Ask an owner of this installation for it.`,
    );
  }
  return caller;
}

function leastRole(policy: PersonPolicy): Role {
  const asked = policy.minRole ?? "viewer";
  return policy.scope === "sessions:write" && asked === "viewer" ? "member" : asked;
}

function rolesFrom(least: Role): string {
  const roles = ROLES.filter((role) => roleAtLeast(role, least));
  return roles.length === 1 ? `${least}` : `${least} or higher`;
}

function refuseToken(policy: PersonPolicy, scopes: readonly string[] | null): void {
  if (policy.tokens === "refused") {
    throw notAllowed("A personal access token may not do this. Sign in with a browser and do it there.");
  }
  if (scopes !== null && !scopes.includes(policy.scope)) {
    throw notAllowed(`This token lacks the scope "${policy.scope}". Create one that has it.`);
  }
}

function notAllowed(message: string): AppError {
  return new AppError("FORBIDDEN", "not_allowed", message);
}
