"use client";

import { signIn } from "../../_client/sign-in";
import { Field } from "../../_ui/field";
import { Form } from "../../_ui/form";

/** @param to the path where one goes on */
export function SignInForm({ to }: { to: string }) {
  const enter = async (read: (name: string) => string) => {
    await signIn({ email: read("email"), password: read("password") });
    window.location.assign(to);
  };
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
