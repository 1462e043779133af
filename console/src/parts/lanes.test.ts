import { expect, test } from "vitest";
import type { WorkflowEvent } from "../api/types";
import { listBars } from "./lanes";

const event = (entity: string, to_state: string, second: number): WorkflowEvent => ({
  event_id: `${second}`,
  entity,
  name: "move",
  from_state: null,
  to_state,
  reason: null,
  actor: "operator",
  at: `2026-11-29T08:00:0${second}Z`,
});

test("each attempt is a bar from its start to its end", () => {
  const bars = listBars([
    event("task:a", "IN_PROGRESS", 0),
    event("task:a", "IN_PROGRESS", 1),
    event("dag_run:r", "FAILED", 1),
    event("task:a", "FAILED", 2),
    event("task:a", "PENDING", 3),
    event("task:a", "IN_PROGRESS", 4),
  ]);
  expect(bars.map(({ attempt, state, to_ms }) => [attempt, state, to_ms === null])).toEqual([
    [1, "FAILED", false],
    [2, "IN_PROGRESS", true],
  ]);
  expect((bars[0]?.to_ms ?? 0) - (bars[0]?.from_ms ?? 0)).toBe(2000);
});

test("a time that is none makes no bar", () => {
  expect(listBars([{ ...event("task:a", "IN_PROGRESS", 0), at: "soon" }])).toEqual([]);
});
