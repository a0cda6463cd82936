import { cookies } from "next/headers";
import type { ReactNode } from "react";
import { getServer } from "../../server/accessor";
import { LiveProvider } from "../_live/live-provider";
import { requireSignedIn } from "../visitor";
import { AppShell } from "./_shell/app-shell";
import { SIDEBAR_COOKIE } from "./_shell/sidebar-cookie";

/** What is around every page of somebody who is signed in. */
export default async function AppLayout({ children }: { children: ReactNode }) {
  const { userId, name, email, role } = await requireSignedIn();
  const isCollapsed = (await cookies()).get(SIDEBAR_COOKIE)?.value === "collapsed";
  return (
    <LiveProvider convexUrl={getServer().services.liveAccess.forPages()}>
      <AppShell me={{ id: userId, name, email, role }} sidebarCollapsed={isCollapsed}>
        {children}
      </AppShell>
    </LiveProvider>
  );
}
