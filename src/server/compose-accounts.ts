import type { AuthSettings } from "./auth/auth-settings";
import { createAuthenticate, type Authenticate } from "./auth/authenticate";
import { createIdentities, type Identities } from "./auth/identities";
import { createLogins, type Logins } from "./auth/logins";
import { createTokens, type Tokens } from "./auth/tokens";
import type { Clock } from "./clock";
import type { Database } from "./db/database";
import type { Logger } from "./log";
import { createClaims, type Claims } from "./people/claims";
import { createPeople, type People } from "./people/people";

export interface AccountServices {
  authenticate: Authenticate;
  people: People;
  claims: Claims;
  tokens: Tokens;
  logins: Logins;
  identities: Identities;
}

/** Who there is and how they prove it; needs the database alone, so the command line has it beside a running server. */
export function composeAccounts(deps: {
  db: Database;
  clock: Clock;
  dataDir: string;
  authSettings: AuthSettings;
  /** The command line has none. */
  log?: Logger;
}): AccountServices {
  const tokens = createTokens(deps);
  const logins = createLogins(deps);
  return {
    tokens,
    logins,
    identities: createIdentities(deps),
    people: createPeople(deps),
    claims: createClaims(deps),
    authenticate: createAuthenticate({ tokens, logins, settings: deps.authSettings }),
  };
}
