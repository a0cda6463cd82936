"use client";

import { api } from "../../_client/api";
import { signIn } from "../../_client/sign-in";
import { Field } from "../../_ui/field";
import { Form } from "../../_ui/form";

async function claim(read: (name: string) => string): Promise<void> {
  const person = { email: read("email"), password: read("password") };
  await api.system.claim.mutate({ code: read("code"), name: read("name"), ...person });
  await signIn(person);
  window.location.assign("/");
}

export function ClaimForm() {
  return (
    <Form action={claim} label="Claim" busyLabel="Claiming…">
      <Field
        name="code"
        label="Claim code"
        hint={
          <>
            <code className="font-mono">npm run up</code> printed it where the server was started. The file{" "}
            <code className="font-mono whitespace-nowrap">claim-code</code> in its data directory has it too.
          </>
        }
        placeholder="ABCD-EFGH"
        autoComplete="one-time-code"
        autoCapitalize="characters"
        spellCheck={false}
        maxLength={40}
        mono
        required
        autoFocus
      />
      <Field name="name" label="Your name" autoComplete="name" maxLength={100} required />
      <Field
        name="email"
        label="E-mail address"
        hint="You sign in with it."
        type="email"
        autoComplete="username"
        maxLength={254}
        required
      />
      <Field
        name="password"
        label="Password"
        hint="At least 10 characters."
        type="password"
        autoComplete="new-password"
        minLength={10}
        maxLength={256}
        required
      />
    </Form>
  );
}
