import Link from "next/link";
import { Brand } from "./_ui/brand";

export default function NotFound() {
  return (
    <main className="mx-auto w-full max-w-[440px] px-5 pt-[9vh] pb-12">
      <div className="mb-8">
        <Brand />
      </div>
      <h1 className="mb-2 text-lg font-semibold">There is nothing here</h1>
      <p className="mb-6 text-muted">The address leads nowhere, or to something that is not yours to see.</p>
      <Link href="/" className="text-accent underline underline-offset-4">
        Back to the sessions
      </Link>
    </main>
  );
}
