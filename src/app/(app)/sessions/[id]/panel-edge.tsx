"use client";

import { useRef, type KeyboardEvent, type PointerEvent } from "react";
import type { Panel } from "./use-panel";

const STEP = 4;

/** The line between conversation and panel: drag it, or use the arrow keys; a double click puts it back. */
export function PanelEdge({ panel }: { panel: Panel }) {
  const bounds = useRef<DOMRect | null>(null);
  const percent = Number.parseInt(panel.width, 10);
  const onPointerDown = (event: PointerEvent<HTMLDivElement>) => {
    bounds.current = event.currentTarget.parentElement?.parentElement?.getBoundingClientRect() ?? null;
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent<HTMLDivElement>) => {
    const { current } = bounds;
    if (current === null || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
    panel.resize(((current.right - event.clientX) / current.width) * 100);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowLeft" ? STEP : event.key === "ArrowRight" ? -STEP : 0;
    if (by === 0) return;
    event.preventDefault();
    panel.resize(percent + by);
  };
  return (
    <div
      role="separator"
      aria-label="Width of the panel"
      aria-orientation="vertical"
      aria-valuenow={percent}
      aria-valuemin={20}
      aria-valuemax={70}
      tabIndex={0}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onDoubleClick={() => panel.resize(null)}
      onKeyDown={onKeyDown}
      className="absolute inset-y-0 -left-1 z-10 w-2 cursor-col-resize touch-none max-md:hidden hover:bg-line focus-visible:bg-accent"
    />
  );
}
