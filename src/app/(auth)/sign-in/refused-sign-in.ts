import type { IdentityRefusal } from "../../../server/auth/identities";

/** What `/sign-in` says after a sign-in elsewhere that did not let in. */
const SENTENCES: Record<IdentityRefusal, (provider: string) => string> = {
  email_not_proved: (provider) =>
    `${provider} did not say that your e-mail address is proved to be yours. Prove it there, then try again.`,
  unknown_person: () =>
    "Nobody here has your e-mail address. Ask whoever runs this server for an account with it, then try again.",
  other_account: (provider) =>
    `Another ${provider} account signs in with your e-mail address here. Use that one, or ask whoever runs this server to set a new password for you, which lets go of it.`,
  disabled: () => "Your account here is disabled. Ask whoever runs this server.",
};

/**
 * @param query what next-auth or a refusal put into the address; anybody may write it into a link
 * @returns null when there is nothing to say
 */
export function refusalSentence(
  query: Partial<Record<"refused" | "by" | "error", string | string[]>>,
  providers: readonly { id: string; name: string }[],
): string | null {
  const provider = providers.find(({ id }) => id === query.by)?.name ?? "The other side";
  if (typeof query.refused === "string" && Object.hasOwn(SENTENCES, query.refused))
    return SENTENCES[query.refused as IdentityRefusal](provider);
  if (query.error === undefined) return null;
  return "Signing in elsewhere did not work. Try again, or sign in by password; the server's log says what was wrong.";
}
