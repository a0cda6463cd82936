/** Frames do not come while the page is hidden; its title and announcements still want what is new. */
const HIDDEN_MS = 250;

/** Runs it once, with the next frame. @returns cancels */
export function nextFrame(act: () => void): () => void {
  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const run = () => {
    cancel();
    act();
  };
  const frame = requestAnimationFrame(run);
  const timer = setTimeout(run, HIDDEN_MS);
  return cancel;
}
