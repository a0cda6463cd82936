/** The engine's log stream of a container without a terminal: frames of 8 bytes head and a payload. */

const HEAD_BYTES = 8;

/**
 * Joins the payloads of all frames, standard output and error in the order written.
 * A cut last frame gives what there is of it. Head: stream number, three zero bytes, length as big-endian u32
 * (engine API, "Stream format" of the attach call).
 */
export function joinLogFrames(raw: Buffer): string {
  const payloads: Buffer[] = [];
  let at = 0;
  while (at + HEAD_BYTES <= raw.length) {
    const end = at + HEAD_BYTES + raw.readUInt32BE(at + 4);
    payloads.push(raw.subarray(at + HEAD_BYTES, end));
    at = end;
  }
  return Buffer.concat(payloads).toString("utf8");
}
