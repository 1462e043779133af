import type { components } from "../api/schema";

export type UploadView = components["schemas"]["UploadView"];
export type UploadSummary = components["schemas"]["UploadSummary"];
export type PresentPart = components["schemas"]["PresentPartView"];

type Plan = Pick<UploadView, "size_bytes" | "part_size_bytes" | "n_parts">;

/** Where part n lies in the file, numbered from 1. */
export function findPart(plan: Plan, part_number: number): { from: number; to: number; size_bytes: number } {
  const from = (part_number - 1) * plan.part_size_bytes;
  const to = Math.min(from + plan.part_size_bytes, plan.size_bytes);
  return { from, to, size_bytes: to - from };
}

// A login ends after an hour without a question, and URLs work for an hour: both are renewed well before.
const WINDOW_S = 20 * 60;
const MIN_WINDOW = 100;
const MAX_WINDOW = 1_000;

/** For how many parts to ask URLs at once: for those of the next 20 minutes. */
export function chooseWindow(plan: Plan, rate_bytes_per_s: number): number {
  const n = Math.round((rate_bytes_per_s * WINDOW_S) / plan.part_size_bytes);
  return Math.min(Math.max(n, MIN_WINDOW), MAX_WINDOW);
}

export type Misfit = "empty" | "folder" | "size";

/** Why a file cannot be the rest of an upload, or begin one, as far as can be told without reading it. */
export function findMisfit(file: { size: number }, isFolder: boolean, upload: { size_bytes: number } | null): Misfit | null {
  if (isFolder) return "folder";
  if (file.size === 0) return "empty";
  return upload && upload.size_bytes !== file.size ? "size" : null;
}
