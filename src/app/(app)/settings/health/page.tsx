import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { mayRun } from "../../../../roles";
import { requireSignedIn } from "../../../visitor";
import { HealthPage } from "./health-page";

export const metadata: Metadata = { title: "Health" };

export default async function Page() {
  if (!mayRun(await requireSignedIn())) notFound();
  return <HealthPage />;
}
