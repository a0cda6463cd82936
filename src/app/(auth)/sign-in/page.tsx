import type { Metadata } from "next";
import { requireNobody } from "../../visitor";
import { SignInForm } from "./sign-in-form";

export const metadata: Metadata = { title: "Sign in" };

export default async function SignInPage() {
  await requireNobody();
  return (
    <>
      <h1 className="mb-7 text-lg font-semibold">Sign in</h1>
      <SignInForm />
      <p className="mt-8 text-muted">
        Forgotten the password? Whoever runs the server can set a new one with{" "}
        <code className="font-mono text-[13px]">npm run admin -- user reset-password</code>.
      </p>
    </>
  );
}
