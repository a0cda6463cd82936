import type { Role } from "../db/schema";

/** Who makes a call: a person, by a browser session or a personal access token. Made by `authenticate` alone. */
export interface Caller {
  userId: string;
  email: string;
  name: string;
  role: Role;
  via:
    | { kind: "browser"; loginSessionId: string }
    | { kind: "token"; tokenId: string; scopes: readonly string[] | null };
}
