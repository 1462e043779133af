import { expect, test } from "vitest";
import type { Task, WorkflowSummary } from "../api/types";
import { countData, findReason, sortBoard } from "./attention";

const NOW_MS = Date.parse("2026-11-29T08:00:00Z");

const task = (fields: Partial<Task>): Task => ({
  task_id: "t",
  task_type: "RECONSTRUCTION_TASK",
  status: "PENDING",
  progress: 0,
  attempt: 0,
  input_task_ids: [],
  inputs: [],
  dag_run_id: null,
  reason: null,
  deadline: null,
  updated_at: "2026-11-29T07:00:00Z",
  ...fields,
});

test("data have arrived when each scan that was not cancelled is completed", () => {
  const scan = (status: Task["status"]): Task => task({ task_type: "DEVICE_TASK_SDK", status });
  expect(countData([task({})])).toBeNull();
  expect(countData([scan("CANCELLED")])).toBeNull();
  expect(countData([scan("COMPLETED"), scan("CANCELLED"), task({ status: "FAILED" })])).toEqual({ n_arrived: 1, n_scans: 1 });
  expect(countData([scan("COMPLETED"), scan("FAILED"), scan("IN_PROGRESS")])).toEqual({ n_arrived: 1, n_scans: 3 });
});

const workflow = (workflow_id: string, status: WorkflowSummary["status"], tasks?: Task[]): WorkflowSummary => ({
  workflow_id,
  exam_id: null,
  status,
  created_at: "2026-11-29T07:00:00Z",
  updated_at: "2026-11-29T07:00:00Z",
  ...(tasks ? { tasks } : {}),
});

test.each([
  [task({ status: "FAILED" }), "failed"],
  [task({ status: "IN_PROGRESS", deadline: "2026-11-29T07:59:59Z" }), "overdue"],
  [task({ status: "IN_PROGRESS", deadline: "2026-11-29T08:00:01Z" }), null],
  [task({ status: "IN_PROGRESS", waits_for: { reason: "Airflow is away.", task_ids: [] } }), "waits"],
  [task({ task_type: "DEVICE_TASK_SDK" }), "scanWaits"],
  [task({ task_type: "DEVICE_TASK_SDK", input_task_ids: ["other"] }), null],
  [task({ task_type: "DEVICE_TASK_SDK", status: "COMPLETED" }), null],
  [task({}), null],
])("a task needs somebody or not (%#)", (given, why) => {
  expect(findReason(given, [given], NOW_MS)).toBe(why);
});

test("what needs somebody comes first, whether tasks are known or not", () => {
  const scan = task({ task_type: "DEVICE_TASK_SIMULATOR" });
  const board = [workflow("run", "running", [task({})]), workflow("scan", "running", [scan]), workflow("old", "completed"), workflow("bad", "failed")];
  const { needsYou, active, recent } = sortBoard(board, NOW_MS);
  expect(needsYou.map((each) => [each.workflow.workflow_id, each.why])).toEqual([
    ["bad", "failed"],
    ["scan", "scanWaits"],
  ]);
  expect(active.map((each) => each.workflow_id)).toEqual(["run"]);
  expect(recent.map((each) => each.workflow_id)).toEqual(["old"]);
});
