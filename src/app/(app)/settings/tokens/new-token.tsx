import { Snippet } from "../../../_ui/snippet";

/** The one time that a token is shown, with what to do with it. */
export function NewToken({ origin, token }: { origin: string; token: string }) {
  return (
    <div className="mb-4 flex flex-col gap-3 rounded-lg border border-good p-3" role="status">
      <p className="font-medium">Copy it now: it cannot be shown again.</p>
      <Snippet text={token} what="the token" />
      <p className="text-muted">
        Run the example, in the project&apos;s folder on a machine that reaches this server:
      </p>
      <Snippet
        what="the example's command"
        text={`OPENAGENT_URL=${origin} \\\nOPENAGENT_TOKEN=${token} \\\nnpx tsx examples/hello.ts`}
      />
      <p className="text-muted">Or ask with curl who you are:</p>
      <Snippet
        what="the curl command"
        text={`curl -s ${origin}/api/trpc/account.me \\\n  -H "Authorization: Bearer ${token}"`}
      />
    </div>
  );
}
