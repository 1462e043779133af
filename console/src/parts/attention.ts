import { isActive, isScan, type Task, type WorkflowSummary } from "../api/types";

export type Why = "failed" | "unknown" | "overdue" | "scanWaits" | "waits";

export interface Sorted {
  needsYou: { workflow: WorkflowSummary; why: Why }[];
  active: WorkflowSummary[];
  recent: WorkflowSummary[];
}

/** Why a person should look at a task, if so. */
export function findReason(task: Task, tasks: readonly Task[], now_ms: number): Why | null {
  if (task.status === "FAILED") return "failed";
  if (task.status === "UNKNOWN") return "unknown";
  const isOpen = task.status === "IN_PROGRESS";
  if (isOpen && task.deadline && Date.parse(task.deadline) < now_ms) return "overdue";
  if (isOpen && task.waits_for?.reason) return "waits";
  const states = new Map(tasks.map((each) => [each.task_id, each.status]));
  const isReady = task.input_task_ids.every((id) => states.get(id) === "COMPLETED");
  return task.status === "PENDING" && isScan(task) && isReady ? "scanWaits" : null;
}

export interface DataOfScans {
  n_arrived: number;
  n_scans: number;
}

/** How many scans have brought their data: what an operator wants to know before the patient leaves. */
export function countData(tasks: readonly Task[]): DataOfScans | null {
  const scans = tasks.filter((task) => isScan(task) && task.status !== "CANCELLED");
  if (scans.length === 0) return null;
  return { n_arrived: scans.filter(({ status }) => status === "COMPLETED").length, n_scans: scans.length };
}

const ORDER: readonly Why[] = ["failed", "unknown", "overdue", "scanWaits", "waits"];

function findWhy(workflow: WorkflowSummary, now_ms: number): Why | null {
  const tasks = workflow.tasks ?? [];
  if (workflow.status === "failed" || workflow.status === "unknown") return workflow.status;
  if (workflow.status === "cancelled") return null;
  const reasons = tasks.map((task) => findReason(task, tasks, now_ms));
  return ORDER.find((why) => reasons.includes(why)) ?? null;
}

/** All workflows, newest first; what the first page says of one is newer. */
export function mergeBoards(first: readonly WorkflowSummary[], whole: readonly WorkflowSummary[]): WorkflowSummary[] {
  const known = new Set(first.map(({ workflow_id }) => workflow_id));
  return [...first, ...whole.filter(({ workflow_id }) => !known.has(workflow_id))];
}

/** The workflows by whether they need somebody, are under way, or have ended. */
export function sortBoard(workflows: readonly WorkflowSummary[], now_ms: number): Sorted {
  const sorted: Sorted = { needsYou: [], active: [], recent: [] };
  for (const workflow of workflows) {
    const why = findWhy(workflow, now_ms);
    if (why) sorted.needsYou.push({ workflow, why });
    else if (isActive(workflow.status)) sorted.active.push(workflow);
    else sorted.recent.push(workflow);
  }
  sorted.needsYou.sort((a, b) => ORDER.indexOf(a.why) - ORDER.indexOf(b.why));
  return sorted;
}
