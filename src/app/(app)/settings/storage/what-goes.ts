import type { Reclaimed } from "../../../../server/storage/storage";

/** One line for each kind of which there is any. */
export function whatGoes({ sessions, containers, snapshots, images }: Omit<Reclaimed, "bytes">): string[] {
  const line = (count: number, one: string, many: string) =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  return [
    ...line(
      sessions,
      "session that this database does not know, with its files",
      "sessions that this database does not know, with their files",
    ),
    ...line(containers, "container without a session", "containers without a session"),
    ...line(
      snapshots,
      "snapshot that this database does not know",
      "snapshots that this database does not know",
    ),
    ...line(images, "old session image", "old session images"),
  ];
}
