/** Stands for this server's own origin, which paths do not name. */
const HERE = "http://here.invalid";

/** The sign-in page for whoever lost their sign-in on a page, and comes back to it afterwards. */
export function signInPath(page: Pick<Location, "pathname" | "search" | "hash">): string {
  return `/sign-in?to=${encodeURIComponent(page.pathname + page.search + page.hash)}`;
}

/** @param to anybody may write it into a link. @returns a path of this server; null for what is none */
export function pathToReturnTo(to: unknown): string | null {
  if (typeof to !== "string" || !to.startsWith("/") || !URL.canParse(to, HERE)) return null;
  const { origin, pathname, search, hash } = new URL(to, HERE);
  // A path of two slashes would be read as another server's name.
  return origin === HERE && !pathname.startsWith("//") ? pathname + search + hash : null;
}
