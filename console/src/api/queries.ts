import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import { pollAfter } from "./polling";
import { getSession } from "./session";
import { isActive, type Me, type Run, type RunDetail, type Workflow, type WorkflowEvent, type WorkflowSummary } from "./types";

export const N_ON_BOARD = 100;
const MAX_BOARD_PAGES = 5;
const WHOLE_BOARD_MS = 30_000;
const N_LOOSE_RUNS = 50;
const MAX_EVENT_PAGES = 50;

/** Who is logged in, and what he may do; a role changes seldom. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: (): Promise<Me> => unwrap(api.GET("/me/")),
  staleTime: 5 * 60_000,
  retry: 1,
});

export const boardQuery = queryOptions({
  queryKey: ["board"],
  queryFn: async (): Promise<WorkflowSummary[]> => {
    const query = { limit: N_ON_BOARD, include: "tasks" } as const;
    return (await unwrap(api.GET("/workflows/", { params: { query } }))).workflows;
  },
  refetchInterval: ({ state }) => pollAfter((state.data ?? []).some(({ status }) => isActive(status))),
});

export interface WholeBoard {
  workflows: WorkflowSummary[];
  /** There are more than these. */
  isCut: boolean;
}

/** What does not fit on the board's first page; asked for less often, and only where that page is full. */
export const wholeBoardQuery = (isNeeded: boolean) =>
  queryOptions({
    queryKey: ["board", "whole"],
    queryFn: async (): Promise<WholeBoard> => {
      const workflows: WorkflowSummary[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < MAX_BOARD_PAGES; page += 1) {
        const first = { limit: N_ON_BOARD, include: "tasks" } as const;
        const query: { limit: number; include: "tasks"; cursor?: string } = cursor === null ? first : { ...first, cursor };
        const found = await unwrap(api.GET("/workflows/", { params: { query } }));
        workflows.push(...found.workflows);
        cursor = found.next_cursor ?? null;
        if (cursor === null) break;
      }
      return { workflows, isCut: cursor !== null };
    },
    enabled: () => isNeeded && getSession().status === "in",
    refetchInterval: () => (pollAfter(false) === false ? false : WHOLE_BOARD_MS),
  });

export const looseRunsQuery = queryOptions({
  queryKey: ["runs"],
  queryFn: async (): Promise<Run[]> => {
    const { dag_runs } = await unwrap(api.GET("/dag_runs/", { params: { query: { limit: N_LOOSE_RUNS } } }));
    return dag_runs.filter((run) => !run.workflow_id);
  },
  refetchInterval: ({ state }) => pollAfter((state.data ?? []).some((run) => isActive(run.state))),
});

export const readinessQuery = queryOptions({
  queryKey: ["readiness"],
  queryFn: async (): Promise<string[]> => {
    const { degraded } = await unwrap(api.GET("/health/readiness"));
    return Array.isArray(degraded) ? degraded : [];
  },
  refetchInterval: () => pollAfter(false),
});

export const workflowQuery = (workflow_id: string) =>
  queryOptions({
    queryKey: ["workflow", workflow_id],
    queryFn: (): Promise<Workflow> => unwrap(api.GET("/workflows/{workflow_id}/", { params: { path: { workflow_id } } })),
    refetchInterval: ({ state }) => pollAfter((state.data?.tasks ?? []).some(({ status }) => status === "IN_PROGRESS")),
  });

/** All of an audit trail, oldest first. */
export async function readTrail(workflow_id: string): Promise<WorkflowEvent[]> {
  const events: WorkflowEvent[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MAX_EVENT_PAGES; page += 1) {
    const query: { limit: number; cursor?: string } = cursor === null ? { limit: 100 } : { limit: 100, cursor };
    const answer = api.GET("/workflows/{workflow_id}/events/", { params: { path: { workflow_id }, query } });
    const found = await unwrap(answer);
    events.push(...found.events);
    cursor = found.next_cursor;
    if (cursor === null) break;
  }
  return events;
}

export const runQuery = (dag_run_id: string) =>
  queryOptions({
    queryKey: ["run", dag_run_id],
    queryFn: (): Promise<RunDetail> => unwrap(api.GET("/dag_runs/{dag_run_id}/", { params: { path: { dag_run_id } } })),
    refetchInterval: ({ state }) => pollAfter(isActive(state.data?.state ?? "")),
  });
