"use client";

import { signIn } from "../../_client/sign-in";
import { Field } from "../../_ui/field";
import { Form } from "../../_ui/form";

async function enter(read: (name: string) => string): Promise<void> {
  await signIn({ email: read("email"), password: read("password") });
  window.location.assign("/");
}

export function SignInForm() {
  return (
    <Form action={enter} label="Sign in" busyLabel="Signing in…">
      <Field
        name="email"
        label="E-mail address"
        type="email"
        autoComplete="username"
        maxLength={254}
        required
        autoFocus
      />
      <Field
        name="password"
        label="Password"
        type="password"
        autoComplete="current-password"
        maxLength={256}
        required
      />
    </Form>
  );
}
