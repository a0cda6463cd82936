import type { Metadata, Viewport } from "next";
import { cookies } from "next/headers";
import type { ReactNode } from "react";
import "./globals.css";
import { THEME_COOKIE, type Theme, themeOf } from "./_theme/theme";
import { OfflineBar } from "./_ui/offline-bar";

export const metadata: Metadata = {
  title: { default: "OpenAgent", template: "%s · OpenAgent" },
  description: "Background coding agents, each in a container of its own.",
};

const PAPER = { light: "#ffffff", dark: "#161615" } as const;

/** The browser's own bars take the page's colour. */
export async function generateViewport(): Promise<Viewport> {
  const theme = await chosenTheme();
  return {
    width: "device-width",
    initialScale: 1,
    viewportFit: "cover",
    themeColor:
      theme === "system"
        ? [
            { media: "(prefers-color-scheme: light)", color: PAPER.light },
            { media: "(prefers-color-scheme: dark)", color: PAPER.dark },
          ]
        : PAPER[theme],
  };
}

/** Every page depends on who looks at it. */
export const dynamic = "force-dynamic";

export default async function RootLayout({ children }: { children: ReactNode }) {
  const theme = await chosenTheme();
  return (
    <html lang="en" data-theme={theme === "system" ? undefined : theme} suppressHydrationWarning>
      <body className="min-h-dvh font-sans antialiased">
        <OfflineBar />
        {children}
      </body>
    </html>
  );
}

async function chosenTheme(): Promise<Theme> {
  return themeOf((await cookies()).get(THEME_COOKIE)?.value);
}
