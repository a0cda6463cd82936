import type { Metadata } from "next";
import { requireUnclaimed } from "../../visitor";
import { ClaimForm } from "./claim-form";

export const metadata: Metadata = { title: "Claim this installation" };

export default async function ClaimPage() {
  await requireUnclaimed();
  return (
    <>
      <h1 className="mb-2 text-lg font-semibold">Claim this installation</h1>
      <p className="mb-7 text-muted">
        This server has no owner yet. With the claim code you become its owner, and can start sessions at
        once.
      </p>
      <ClaimForm />
    </>
  );
}
