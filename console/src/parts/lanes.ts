import type { WorkflowEvent } from "../api/types";

/** One attempt of a task: from its claim to its end, or until now. */
export interface Bar {
  taskId: string;
  attempt: number;
  from_ms: number;
  to_ms: number | null;
  state: string;
}

const ENDS = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** The attempts that an audit trail, oldest first, tells of. */
export function listBars(events: readonly WorkflowEvent[]): Bar[] {
  const bars: Bar[] = [];
  const open = new Map<string, Bar>();
  const attempts = new Map<string, number>();
  for (const event of events) {
    const [kind, ...rest] = event.entity.split(":");
    const at_ms = Date.parse(event.at);
    if (kind !== "task" || Number.isNaN(at_ms)) continue;
    const taskId = rest.join(":");
    const bar = open.get(taskId);
    if (event.to_state === "IN_PROGRESS" && bar) {
      // The device has confirmed, say: the same attempt goes on.
      continue;
    } else if (event.to_state === "IN_PROGRESS") {
      const attempt = (attempts.get(taskId) ?? 0) + 1;
      attempts.set(taskId, attempt);
      const begun: Bar = { taskId, attempt, from_ms: at_ms, to_ms: null, state: event.to_state };
      open.set(taskId, begun);
      bars.push(begun);
    } else if (bar) {
      bar.to_ms = at_ms;
      bar.state = ENDS.has(event.to_state) ? event.to_state : "CANCELLED";
      open.delete(taskId);
    }
  }
  return bars;
}
