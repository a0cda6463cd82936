import type { Session } from "../../server/sessions/session-store";

/** What a session's container is made of, in a short line: the tag tells images of one name apart. */
export function containerText({ image, version }: { image: string; version: Session["version"] }): string {
  const name = image.slice(image.lastIndexOf("/") + 1);
  const tag = `Image ${name.slice(name.indexOf(":") + 1)}`;
  return version === null ? tag : `${tag} · ${version}`;
}
