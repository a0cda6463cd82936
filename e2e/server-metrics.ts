/** What the server says of itself at `/metrics`. */

/** For OPENAGENT_METRICS_TOKEN. */
export const METRICS_TOKEN = "a-token-for-the-metrics-of-measured-servers";

/**
 * Series without labels, or with the labels as they are written (`openagent_sessions{state="idle"}`), each with its value.
 * The percentiles of the event loop's lag are of the time since the reading before.
 * @returns null while no server answers
 */
export async function readMetrics(url: string): Promise<Map<string, number> | null> {
  const answer = await fetch(`${url}/metrics`, {
    headers: { authorization: `Bearer ${METRICS_TOKEN}` },
  }).catch(() => null);
  if (answer === null || !answer.ok) return null;
  const lines = (await answer.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}
