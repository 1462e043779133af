import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "../api/client";
import { pollAfter } from "../api/polling";
import type { components } from "../api/schema";
import type { UploadSummary } from "./plan";

export type Dag = components["schemas"]["Dag"];

const N_OPEN = 100;

/** One's own open uploads; by user, so that nobody is shown another's. */
export const openUploadsQuery = (username: string) =>
  queryOptions({
    queryKey: ["uploads", username],
    queryFn: async (): Promise<UploadSummary[]> => (await unwrap(api.GET("/uploads/", { params: { query: { limit: N_OPEN } } }))).uploads,
    refetchInterval: () => pollAfter(false),
  });

export const dagsQuery = queryOptions({
  queryKey: ["dags"],
  queryFn: async () => (await unwrap(api.GET("/tasks/"))).tasks,
});
