"use client";

import { useEffect, useRef, useState, type FocusEvent, type PointerEvent } from "react";

const DELAY_MS = 400;

/**
 * Which element is pointed at or has the focus by key, for what is shown meanwhile. A press, Escape and leaving end it;
 * a finger does not begin it.
 * @param onNear called as soon as the pointer or the focus comes, before the delay
 */
export function useHover(onNear: () => void) {
  const [anchor, setAnchor] = useState<Element | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const end = () => {
    clearTimeout(timer.current);
    setAnchor(null);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (anchor === null) return;
    const onKeyDown = ({ key }: KeyboardEvent) => key === "Escape" && setAnchor(null);
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [anchor]);
  return {
    anchor,
    handlers: {
      onPointerEnter({ pointerType, currentTarget }: PointerEvent<Element>) {
        if (pointerType === "touch") return;
        onNear();
        clearTimeout(timer.current);
        timer.current = setTimeout(() => setAnchor(currentTarget), DELAY_MS);
      },
      onPointerLeave: end,
      onPointerDown: end,
      onFocus({ currentTarget }: FocusEvent<Element>) {
        if (!currentTarget.matches(":focus-visible")) return;
        onNear();
        setAnchor(currentTarget);
      },
      onBlur: end,
    },
  };
}
