import type { Metadata } from "next";
import { IdleStopSection } from "./idle-stop-section";

export const metadata: Metadata = { title: "Sessions" };

export default function SessionSettingsPage() {
  return <IdleStopSection />;
}
