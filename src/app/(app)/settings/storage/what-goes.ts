import type { Reclaimed } from "../../../../server/storage/storage";

/** One line for each kind of which there is any. */
export function whatGoes({ sessions, containers, images }: Omit<Reclaimed, "bytes">): string[] {
  const line = (count: number, one: string, many: string) =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  return [
    ...line(sessions, "workspace of a session that is no more", "workspaces of sessions that are no more"),
    ...line(containers, "container without a session", "containers without a session"),
    ...line(images, "old session image", "old session images"),
  ];
}
