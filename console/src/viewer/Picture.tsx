import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef } from "react";
import { useText } from "../text/language";
import { paint } from "./grey";
import type { Image, Window } from "./image";
import { findMarks } from "./place";
import type { Shown } from "./series";

const MAX_SIDE = 4096;
// A turn of the wheel by so much is one image: touchpads report many small ones.
const WHEEL_STEP = 50;

interface Props {
  words: string;
  shown: Shown | null;
  window: Window | null;
  isInverted: boolean;
  message: string | null;
  /** By how many images to go; infinite: to an end. */
  onStep: (step: number) => void;
  onWindow: (center: number, width: number) => void;
  onInvert: () => void;
  onReset: () => void;
}

/** Draw an image with pixels as high and wide as they are in the patient. */
function draw(canvas: HTMLCanvasElement, image: Image, window: Window, isInverted: boolean): void {
  const { rows, columns, aspect } = image;
  const stored = new OffscreenCanvas(columns, rows);
  stored.getContext("2d")?.putImageData(new ImageData(paint(image, window, isInverted), columns, rows), 0, 0);
  const [width, height] = [columns / Math.min(aspect, 1), rows * Math.max(aspect, 1)];
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d")?.drawImage(stored, 0, 0, canvas.width, canvas.height);
}

/** One image with its marks; wheel and keys change the image, dragging the window. */
export function Picture({ words, shown, window, isInverted, message, onStep, onWindow, onInvert, onReset }: Props): ReactNode {
  const text = useText();
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const turned = useRef(0);
  const dragged = useRef<{ x: number; y: number; before: Window | null } | null>(null);
  const step = useRef(onStep);
  const center = window?.center ?? null;
  const width = window?.width ?? null;
  useEffect(() => {
    step.current = onStep;
  });
  useEffect(() => {
    if (canvas.current && shown && center !== null && width !== null) draw(canvas.current, shown.image, { center, width }, isInverted);
  }, [shown, center, width, isInverted]);
  useEffect(() => {
    const turn = (event: WheelEvent): void => {
      // The browser's own zoom.
      if (event.ctrlKey) return;
      event.preventDefault();
      turned.current += event.deltaMode === 0 ? event.deltaY : event.deltaY * WHEEL_STEP;
      const n_steps = Math.trunc(turned.current / WHEEL_STEP);
      turned.current -= n_steps * WHEEL_STEP;
      if (n_steps !== 0) step.current(n_steps);
    };
    const element = frame.current;
    // Its keys work at once.
    element?.focus();
    element?.addEventListener("wheel", turn, { passive: false });
    return () => element?.removeEventListener("wheel", turn);
  }, []);
  const press = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const acts: Record<string, () => void> = {
      ArrowDown: () => onStep(1),
      ArrowRight: () => onStep(1),
      ArrowUp: () => onStep(-1),
      ArrowLeft: () => onStep(-1),
      PageDown: () => onStep(10),
      PageUp: () => onStep(-10),
      Home: () => onStep(-Infinity),
      End: () => onStep(Infinity),
      i: onInvert,
      r: onReset,
    };
    if (window) {
      const by = Math.max(1, window.width / 20);
      acts["Shift+ArrowUp"] = () => onWindow(window.center + by, window.width);
      acts["Shift+ArrowDown"] = () => onWindow(window.center - by, window.width);
      acts["Shift+ArrowRight"] = () => onWindow(window.center, window.width + by);
      acts["Shift+ArrowLeft"] = () => onWindow(window.center, window.width - by);
    }
    const act = acts[event.shiftKey ? `Shift+${event.key}` : event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const drag = (event: PointerEvent): void => {
    const { x, y, before } = dragged.current ?? {};
    if (event.buttons !== 1 || x === undefined || y === undefined || !before) return;
    // By 256 pixels, the window doubles.
    const by = Math.max(before.width, 16) / 256;
    onWindow(before.center + (event.clientY - y) * by, before.width + (event.clientX - x) * by);
  };
  const marks = shown && findMarks(shown.place);
  return (
    <div
      ref={frame}
      className="picture"
      role="group"
      tabIndex={0}
      aria-label={text.viewer.picture}
      onKeyDown={press}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        dragged.current = { x: event.clientX, y: event.clientY, before: window };
      }}
      onPointerMove={drag}
    >
      {shown && <canvas ref={canvas} role="img" aria-label={`${words}${marks ? `, ${text.viewer.marks(marks.top, marks.right, marks.bottom, marks.left)}` : ""}`} />}
      {marks &&
        Object.entries(marks).map(([side, letters]) => (
          <span key={side} className={`mark ${side}`} aria-hidden="true">
            {letters}
          </span>
        ))}
      {shown && !marks && <span className="mark bottom">{text.viewer.noMarks}</span>}
      {message && (
        <p className="message" role="status">
          {message}
        </p>
      )}
    </div>
  );
}
