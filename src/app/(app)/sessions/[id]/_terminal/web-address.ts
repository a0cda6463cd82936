/**
 * A program's link as it may be opened.
 * @returns the address with a host as it is looked up, so that lookalike letters show; null for all but http and https
 */
export function webAddress(uri: string): string | null {
  if (!URL.canParse(uri)) return null;
  const url = new URL(uri);
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
}
