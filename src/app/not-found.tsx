import Link from "next/link";

export default function NotFound() {
  return (
    <main className="mx-auto w-full max-w-[440px] px-5 pt-[14vh] pb-12">
      <h1 className="mb-2 text-lg font-semibold">There is nothing here</h1>
      <p className="mb-6 text-muted">The address leads nowhere, or to something that is not yours to see.</p>
      <Link href="/" className="text-accent underline underline-offset-4">
        To the sessions
      </Link>
    </main>
  );
}
