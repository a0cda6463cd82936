import type { Metadata } from "next";
import { KeysSection } from "./keys-section";

export const metadata: Metadata = { title: "Keys" };

export default function KeysPage() {
  return <KeysSection />;
}
