import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "../api/client";
import { pollAfter } from "../api/polling";
import type { components } from "../api/schema";
import type { UploadSummary } from "./plan";

type Schemas = components["schemas"];

const N_OPEN = 100;

/** One's own open uploads; by user, so that nobody is shown another's. */
export const openUploadsQuery = (username: string) =>
  queryOptions({
    queryKey: ["uploads", username],
    queryFn: async (): Promise<UploadSummary[]> => (await unwrap(api.GET("/uploads/", { params: { query: { limit: N_OPEN } } }))).uploads,
    refetchInterval: () => pollAfter(false),
  });

/** The DAGs of an answer in either contract: that of 2026-02 is a bare list. */
export function readDags(answer: Schemas["AvailableTasks"] | Schemas["Dag"][]): Schemas["DagList"] {
  return Array.isArray(answer) ? { dags: answer, total_entries: answer.length, import_errors: [] } : answer.tasks;
}

export const dagsQuery = queryOptions({
  queryKey: ["dags"],
  queryFn: async () => readDags(await unwrap(api.GET("/tasks/"))),
});
