/** What a piece of output comes to: where it ends, and when whoever shows it has taken it. */
export interface TakenOutput {
  /** Everything before this offset was shown or is about to be. */
  endOffset: number;
  /** Settles when the piece is shown; what is not shown is not acknowledged. */
  shown: void | Promise<void>;
}

/** Joins what several connections bring: drops what was seen before, by the byte offsets of the server. */
export class OutputTracker {
  /** The first byte that was not seen yet. */
  endOffset = 0;

  /** @param onOutput `lostBytes`: how many the program wrote before `data` that the server does not have any more */
  constructor(private readonly onOutput: (data: Uint8Array, lostBytes: number) => void | Promise<void>) {}

  /**
   * @param frame `{ offset, data }` of an `output` event
   * @returns null for what is not such a frame
   */
  take(frame: unknown): TakenOutput | null {
    if (!isFrame(frame)) return null;
    // A Buffer is one too; in a browser it comes bare.
    const data = frame.data instanceof ArrayBuffer ? new Uint8Array(frame.data) : frame.data;
    const end = frame.offset + data.byteLength;
    if (end <= this.endOffset) return { endOffset: this.endOffset, shown: undefined };
    const seen = Math.max(0, this.endOffset - frame.offset);
    const lostBytes = Math.max(0, frame.offset - this.endOffset);
    this.endOffset = end;
    return { endOffset: end, shown: this.onOutput(data.subarray(seen), lostBytes) };
  }
}

function isFrame(frame: unknown): frame is { offset: number; data: Uint8Array | ArrayBuffer } {
  return (
    typeof frame === "object" &&
    frame !== null &&
    "offset" in frame &&
    typeof frame.offset === "number" &&
    "data" in frame &&
    (frame.data instanceof Uint8Array || frame.data instanceof ArrayBuffer)
  );
}
