import type { Metadata } from "next";
import { pathToReturnTo } from "../../_client/sign-in-path";
import { Notice } from "../../_ui/notice";
import { requireNobody } from "../../visitor";
import { SignInForm } from "./sign-in-form";

export const metadata: Metadata = { title: "Sign in" };

interface SignInPageProps {
  /** `to`: the page on which a sign-in ended. */
  searchParams: Promise<{ to?: string | string[] }>;
}

export default async function SignInPage({ searchParams }: SignInPageProps) {
  const to = pathToReturnTo((await searchParams).to);
  await requireNobody({ to: to ?? "/" });
  return (
    <>
      <h1 className="mb-7 text-lg font-semibold">Sign in</h1>
      {to !== null && (
        <Notice tone="plain" className="mb-6">
          You are signed out here. Sign in to go on where you were: what you typed and did not send is kept.
        </Notice>
      )}
      <SignInForm to={to ?? "/"} />
      <p className="mt-8 text-muted">
        Forgotten the password? Whoever runs the server can set a new one with{" "}
        <code className="font-mono text-[13px]">npm run admin -- user reset-password</code>.
      </p>
    </>
  );
}
