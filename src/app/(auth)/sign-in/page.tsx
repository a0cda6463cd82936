import type { Metadata } from "next";
import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { getServer } from "../../../server/accessor";
import { pathToReturnTo } from "../../_client/sign-in-path";
import { Notice } from "../../_ui/notice";
import { requireNobody } from "../../visitor";
import { IdentityButtons } from "./identity-buttons";
import { refusalSentence } from "./refused-sign-in";
import { SignInForm } from "./sign-in-form";

export const metadata: Metadata = { title: "Sign in" };

interface SignInPageProps {
  /** `to`: the page on which a sign-in ended; the others: why a sign-in elsewhere did not let in. */
  searchParams: Promise<Partial<Record<"to" | "refused" | "by" | "error", string | string[]>>>;
}

export default async function SignInPage({ searchParams }: SignInPageProps) {
  const query = await searchParams;
  const to = pathToReturnTo(query.to);
  await requireNobody({ to: to ?? "/" });
  const { authSettings, origin } = getServer();
  const providers = authSettings.identityProviders.map(({ id, name }) => ({ id, name }));
  // Providers lead back to the one name that they were told, where the cookies must be.
  if (providers.length > 0 && (await headers()).get("host") !== new URL(origin).host)
    redirect(new URL(`/sign-in${to === null ? "" : `?to=${encodeURIComponent(to)}`}`, origin).href);
  const refusal = refusalSentence(query, providers);
  return (
    <>
      <h1 className="mb-7 text-lg font-semibold">Sign in</h1>
      {to !== null && (
        <Notice tone="plain" className="mb-6">
          You are signed out here. Sign in to go on where you were: what you typed and did not send is kept.
        </Notice>
      )}
      {refusal !== null && <Notice className="mb-6">{refusal}</Notice>}
      {providers.length > 0 && <IdentityButtons providers={providers} to={to ?? "/"} />}
      <SignInForm to={to ?? "/"} />
      <p className="mt-8 text-muted">
        Forgotten the password? Whoever runs the server can set a new one with{" "}
        <code className="font-mono text-[13px]">npm run admin -- user reset-password</code>.
      </p>
    </>
  );
}
