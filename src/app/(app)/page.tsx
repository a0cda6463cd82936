import type { Metadata } from "next";
import { SessionsPage } from "./_sessions/sessions-page";

export const metadata: Metadata = { title: "Sessions" };

export default function HomePage() {
  return <SessionsPage />;
}
