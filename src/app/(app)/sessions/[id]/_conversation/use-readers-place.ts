import { useCallback, useEffect, useEffectEvent, useRef, type RefObject } from "react";

/** Pixels from the end that still count as its end. */
const END_PX = 24;
/** Pixels from the beginning at which older messages are asked for. */
const NEAR_START_PX = 800;

interface Anchor {
  element: Element;
  /** Pixels below the top of the scrolling area. */
  top: number;
}

/**
 * Whoever reads at the end stays at the end; whoever scrolled up keeps what they read in its place, whatever is added or
 * grows above and below. Everything is put right after layout and before it is painted, so nothing is seen to jump.
 * @returns what brings the reader to the end
 */
export function useReadersPlace(opts: {
  scrollerRef: RefObject<HTMLElement | null>;
  contentRef: RefObject<HTMLElement | null>;
  /** Told when the reader leaves the end or comes back to it. */
  setFollowing: (following: boolean) => void;
  onNearStart: () => void;
}): () => void {
  const { scrollerRef, contentRef, setFollowing } = opts;
  const placeRef = useRef<ReturnType<typeof trackPlace>>(null);
  const nearStart = useEffectEvent(opts.onNearStart);

  useEffect(() => {
    const scroller = scrollerRef.current;
    const content = contentRef.current;
    if (scroller === null || content === null) return;
    const place = trackPlace({ scroller, content, setFollowing, nearStart: () => nearStart() });
    placeRef.current = place;
    return () => place.stop();
  }, [scrollerRef, contentRef, setFollowing]);

  return useCallback(() => placeRef.current?.toEnd(), []);
}

interface PlaceOptions {
  scroller: HTMLElement;
  content: HTMLElement;
  setFollowing: (following: boolean) => void;
  nearStart: () => void;
}

function trackPlace({ scroller, content, setFollowing, nearStart }: PlaceOptions) {
  let following = true;
  let lastTop = 0;
  let anchor: Anchor | null = null;

  const follow = (now: boolean) => {
    following = now;
    setFollowing(now);
  };
  const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < END_PX;
  const settle = () => {
    if (following) scroller.scrollTop = scroller.scrollHeight;
    else if (anchor?.element.isConnected) scroller.scrollTop += topOf(scroller, anchor.element) - anchor.top;
    lastTop = scroller.scrollTop;
    if (scroller.scrollTop < NEAR_START_PX) nearStart();
  };
  const onScroll = () => {
    const top = scroller.scrollTop;
    // What grows moves the end away and fires no scroll event: only somebody who scrolls up leaves it.
    if (atEnd()) follow(true);
    else if (top < lastTop - 1) follow(false);
    lastTop = top;
    if (!following) anchor = anchorOf(scroller, content);
    if (top < NEAR_START_PX) nearStart();
  };
  /** What somebody opens stays under the pointer, also at the end. */
  const onClick = (event: MouseEvent) => {
    const opener = event.target instanceof Element ? event.target.closest("button") : null;
    if (opener === null || !content.contains(opener)) return;
    anchor = { element: opener, top: topOf(scroller, opener) };
    following = false;
    // After the frame in which it opened.
    requestAnimationFrame(() => requestAnimationFrame(() => follow(atEnd())));
  };

  const observer = new ResizeObserver(settle);
  observer.observe(content);
  observer.observe(scroller);
  scroller.addEventListener("scroll", onScroll, { passive: true });
  content.addEventListener("click", onClick, { capture: true });
  return {
    toEnd() {
      follow(true);
      settle();
    },
    stop() {
      observer.disconnect();
      scroller.removeEventListener("scroll", onScroll);
      content.removeEventListener("click", onClick, { capture: true });
    },
  };
}

function topOf(scroller: Element, element: Element): number {
  return element.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
}

/** The first part of the conversation that is in sight. */
function anchorOf(scroller: Element, content: Element): Anchor | null {
  const edge = scroller.getBoundingClientRect().top;
  for (const element of content.querySelectorAll("[data-anchor]")) {
    const { top, bottom } = element.getBoundingClientRect();
    if (bottom > edge && bottom > top) return { element, top: top - edge };
  }
  return null;
}
