"use client";

import { useState } from "react";
import { api } from "../_client/api";
import { Field } from "../_ui/field";
import { Form } from "../_ui/form";
import { Snippet } from "../_ui/snippet";

/** The two steps from here to a running script. @param origin where scripts reach this server */
export function TokenMaker({ origin }: { origin: string }) {
  const [token, setToken] = useState<string | null>(null);
  return (
    <ol className="flex flex-col gap-8">
      <li>
        <h2 className="mb-3 font-semibold">1. Create a token</h2>
        {token === null ? <TokenForm onCreated={setToken} /> : <NewToken token={token} />}
      </li>
      <li>
        <h2 className="mb-1 font-semibold">2. Run the example</h2>
        <p className="mb-3 text-muted">
          In the project&apos;s folder, on a machine that reaches this server:
        </p>
        <Snippet
          text={`OPENAGENT_URL=${origin} \\\nOPENAGENT_TOKEN=${token ?? "oa_…"} \\\nnpx tsx examples/hello.ts`}
        />
      </li>
    </ol>
  );
}

function TokenForm({ onCreated }: { onCreated: (token: string) => void }) {
  async function create(read: (name: string) => string): Promise<void> {
    const created = await api.account.tokens.create.mutate({ name: read("name") });
    onCreated(created.token);
  }
  return (
    <div className="max-w-[360px]">
      <Form action={create} label="Create token" busyLabel="Creating…">
        <Field
          name="name"
          label="What is it for?"
          hint="It may do what you may, for 90 days."
          placeholder="laptop"
          maxLength={100}
          autoComplete="off"
          required
        />
      </Form>
    </div>
  );
}

function NewToken({ token }: { token: string }) {
  return (
    <div className="flex flex-col gap-2" role="status">
      <p className="text-muted">Copy it now: it cannot be shown again.</p>
      <Snippet text={token} />
    </div>
  );
}
