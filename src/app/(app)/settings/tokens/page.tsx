import type { Metadata } from "next";
import { getServer } from "../../../../server/accessor";
import { TokensSection } from "./tokens-section";

export const metadata: Metadata = { title: "Tokens" };

export default function TokensPage() {
  return <TokensSection origin={getServer().origin} />;
}
