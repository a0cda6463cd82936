import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { getServer } from "../server/accessor";
import type { Caller } from "../server/auth/caller";

/** Who looks at a page. While nobody has claimed the installation there is one page only. */
export async function requireSignedIn(): Promise<Caller> {
  await requireClaimed();
  const caller = await currentCaller();
  if (caller === null) redirect("/sign-in");
  return caller;
}

/** For the sign-in page. @param to where somebody goes who is signed in */
export async function requireNobody({ to }: { to: string }): Promise<void> {
  await requireClaimed();
  if ((await currentCaller()) !== null) redirect(to);
}

/** For the claim page. */
export async function requireUnclaimed(): Promise<void> {
  await headers();
  if (getServer().services.system.info().claimed) redirect("/");
}

async function requireClaimed(): Promise<void> {
  // Reading the request first keeps the page from being made when Next builds, where there is no server.
  await headers();
  if (!getServer().services.system.info().claimed) redirect("/claim");
}

async function currentCaller(): Promise<Caller | null> {
  const cookie = (await headers()).get("cookie") ?? undefined;
  return getServer().services.authenticate({ cookie });
}
