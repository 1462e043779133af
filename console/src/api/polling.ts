import { useSyncExternalStore } from "react";

export const BUSY_MS = 3_000;
export const IDLE_MS = 15_000;
// Each question renews the login, which ends after an hour without one: an abandoned page must let it.
export const UNTOUCHED_MS = 50 * 60_000;

let touchedAt_ms = Date.now();
let isPaused = false;
const listeners = new Set<() => void>();

function setPaused(value: boolean): void {
  if (isPaused === value) return;
  isPaused = value;
  for (const tell of listeners) tell();
}

/** Somebody is there. */
export function touch(now_ms: number = Date.now()): void {
  touchedAt_ms = now_ms;
  setPaused(false);
}

/** How long to wait before the next question [ms]; false: not at all. */
export function pollAfter(hasActive: boolean, now_ms: number = Date.now()): number | false {
  setPaused(now_ms - touchedAt_ms > UNTOUCHED_MS);
  if (isPaused) return false;
  return hasActive ? BUSY_MS : IDLE_MS;
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

export function useIsPaused(): boolean {
  return useSyncExternalStore(subscribe, () => isPaused);
}
