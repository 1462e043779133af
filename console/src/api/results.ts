import { api, unwrap } from "./client";
import type { Result } from "./types";

export interface ResultPage {
  results: Result[];
  next_cursor: string | null;
}

// URLs work for 15 minutes: an older list is asked for anew.
export const FRESH_MS = 10 * 60_000;

/** A page of the files of a run, with URLs that work for 15 minutes. */
export async function readResults(dag_run_id: string, cursor: string | null, limit: number): Promise<ResultPage> {
  const query = cursor === null ? { limit } : { limit, cursor };
  return unwrap(api.GET("/dag_runs/{dag_run_id}/results/", { params: { path: { dag_run_id }, query } }));
}
