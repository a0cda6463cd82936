/** Joins what several connections bring: drops what was seen before, by the byte offsets of the server. */
export class OutputTracker {
  /** The first byte that was not seen yet. */
  endOffset = 0;

  constructor(private readonly onOutput: (data: Uint8Array) => void) {}

  /**
   * @param frame `{ offset, data }` of an `output` event
   * @returns the offset to acknowledge; null for what is not such a frame
   */
  take(frame: unknown): number | null {
    if (!isFrame(frame)) return null;
    const end = frame.offset + frame.data.byteLength;
    if (end > this.endOffset) {
      // Starts later than what was seen when the server's memory of it has moved on: the bytes between are lost.
      const seen = Math.max(0, this.endOffset - frame.offset);
      this.endOffset = end;
      this.onOutput(frame.data.subarray(seen));
    }
    return this.endOffset;
  }
}

function isFrame(frame: unknown): frame is { offset: number; data: Uint8Array } {
  return (
    typeof frame === "object" &&
    frame !== null &&
    "offset" in frame &&
    typeof frame.offset === "number" &&
    "data" in frame &&
    frame.data instanceof Uint8Array
  );
}
