/** The longest line of an event stream: a full batch of the largest events, and room. Characters. */
const MAX_LINE = 32 * 1024 * 1024;

/** No sidecar of ours sends it, whatever the connection does. */
export class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";
}

/**
 * Lines of a UTF-8 byte stream, without their newline; a last line with none is dropped, as it was cut.
 * @throws LineTooLongError when a line grows past what any batch can be.
 */
export async function* splitLines(body: ReadableStream<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  // Nothing is looked at twice: whoever sends a line without an end must not keep this process busy with it.
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of body) {
    const text = decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      parts.push(text.slice(start, end));
      yield parts.join("");
      parts = [];
      length = 0;
      start = end + 1;
    }
    parts.push(text.slice(start));
    length += text.length - start;
    if (length > MAX_LINE) throw new LineTooLongError(`A line of over ${MAX_LINE} characters`);
  }
}
