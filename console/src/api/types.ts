import type { components } from "./schema";

type Schemas = components["schemas"];

/** What newer deployments also say of a task. */
interface TaskDetails {
  device_id?: string | null;
  dag_id?: string | null;
  created_at?: string | null;
  started_at?: string | null;
  finished_at?: string | null;
  waits_for?: { reason: string | null; task_ids: string[] } | null;
}

export type Task = Schemas["TaskView"] & TaskDetails;
export type Workflow = Schemas["WorkflowView"];
export type WorkflowEvent = Schemas["EventView"];
export type WorkflowSummary = Schemas["WorkflowSummary"] & { tasks?: Task[] | null };
export type Run = Schemas["DagRunView"];
export type RunDetail = Schemas["DagRunDetail"];
export type Result = Schemas["ResultView"];
export type Plan = Schemas["ValidatedWorkflowView"];
export type Problem = Schemas["Problem"];

export const isScan = (task: { task_type: string }): boolean => task.task_type.startsWith("DEVICE_TASK");
export const isActive = (state: string): boolean => ["IN_PROGRESS", "PENDING", "RUNNING", "running"].includes(state);
