import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { requireSignedIn } from "../../../visitor";
import { mayRun } from "../may-run";
import { HealthPage } from "./health-page";

export const metadata: Metadata = { title: "Health" };

export default async function Page() {
  if (!mayRun(await requireSignedIn())) notFound();
  return <HealthPage />;
}
