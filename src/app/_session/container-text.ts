import type { Session } from "../../server/sessions/session-store";

/** What a session's container is made of, in a line: the image's tag tells images of one name apart. */
export function containerText({ image, version }: { image: string; version: Session["version"] }): string {
  const tag = image.slice(image.lastIndexOf("/") + 1);
  return version === null ? tag : `${tag} · ${version}`;
}
