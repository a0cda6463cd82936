import { getServer } from "../server/accessor";
import { SignOutButton } from "./_home/sign-out-button";
import { TokenMaker } from "./_home/token-maker";
import { requireSignedIn } from "./visitor";

export default async function HomePage() {
  const person = await requireSignedIn();
  return (
    <div className="mx-auto w-full max-w-[760px] px-5 pb-16">
      <header className="flex items-center justify-between gap-4 border-b border-line py-4">
        <p className="font-semibold">OpenAgent</p>
        <div className="flex min-w-0 items-center gap-4">
          <p className="truncate text-muted" title={person.email}>
            <bdi>{person.name}</bdi> · {person.role}
          </p>
          <SignOutButton />
        </div>
      </header>
      <main className="pt-8">
        <h1 className="mb-2 text-lg font-semibold">Ready for scripts</h1>
        <p className="mb-8 max-w-[62ch] text-muted">
          A session is an agent in a container of its own. Scripts start sessions, send prompts, follow what
          happens and answer questions, over the API of this server. The demo model needs no key.
        </p>
        <TokenMaker origin={getServer().origin} />
      </main>
    </div>
  );
}
