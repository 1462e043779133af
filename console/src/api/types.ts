import type { components } from "./schema";

type Schemas = components["schemas"];

export type Task = Schemas["TaskView"];
export type Workflow = Schemas["WorkflowView"];
export type WorkflowEvent = Schemas["EventView"];
export type WorkflowSummary = Schemas["WorkflowSummary"];
export type Run = Schemas["DagRunView"];
export type RunDetail = Schemas["DagRunDetail"];
export type Result = Schemas["ResultView"];
export type Plan = Schemas["ValidatedWorkflowView"];
export type Problem = Schemas["Problem"];
export type Me = Schemas["MeView"];
export type Retried = Schemas["RetriedWorkflowView"];

export const isScan = (task: { task_type: string }): boolean => task.task_type.startsWith("DEVICE_TASK");
export const isActive = (state: string): boolean => ["IN_PROGRESS", "PENDING", "RUNNING", "running"].includes(state);
