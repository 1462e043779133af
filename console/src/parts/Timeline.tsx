import type { ReactNode } from "react";
import type { Task, WorkflowEvent } from "../api/types";
import { formatTime } from "../text/format";
import { useLanguage, useText } from "../text/language";
import { listBars } from "./lanes";
import { kindOf, shapeOf, useTaskName } from "./Small";

const WIDTH = 640;
const LABEL = 200;
const LANE = 26;

/** One lane for each attempt of each task, in the order in which they began. */
export function Timeline({ events, tasks }: { events: readonly WorkflowEvent[]; tasks: readonly Task[] }): ReactNode {
  const text = useText();
  const language = useLanguage();
  const nameOf = useTaskName();
  const bars = listBars(events);
  if (bars.length === 0) return <p>{text.noTimeline}</p>;
  const from_ms = Math.min(...bars.map((bar) => bar.from_ms));
  const to_ms = Math.max(from_ms + 1000, ...bars.map((bar) => bar.to_ms ?? Date.now()));
  const scale = (at_ms: number): number => ((at_ms - from_ms) / (to_ms - from_ms)) * (WIDTH - LABEL - 8);
  const nameOfTask = (id: string): string => {
    const task = tasks.find((each) => each.task_id === id);
    return task ? nameOf(task) : id.slice(0, 8);
  };
  const clock = (at_ms: number): string => formatTime(new Date(at_ms).toISOString(), language);
  return (
    <div className="wide" tabIndex={0} role="group" aria-label={text.timeline}>
      <svg className="timeline" width={WIDTH} height={bars.length * LANE + 24} viewBox={`0 0 ${WIDTH} ${bars.length * LANE + 24}`} aria-hidden="true">
        {bars.map((bar, index) => (
          <g key={`${bar.taskId} ${bar.attempt}`} className={kindOf(bar.state)} transform={`translate(0 ${index * LANE})`}>
            <text x="0" y="17" className="small">
              {`${shapeOf(bar.state)} ${nameOfTask(bar.taskId)}${bar.attempt > 1 ? ` (${bar.attempt})` : ""}`}
            </text>
            <rect x={LABEL + scale(bar.from_ms)} y="4" height="18" rx="3" width={Math.max(3, scale(bar.to_ms ?? to_ms) - scale(bar.from_ms))} />
          </g>
        ))}
        <text x={LABEL} y={bars.length * LANE + 18} className="small">
          {clock(from_ms)}
        </text>
        <text x={WIDTH} y={bars.length * LANE + 18} textAnchor="end" className="small">
          {((to_ms - from_ms) / 1000).toFixed(0)} s
        </text>
      </svg>
    </div>
  );
}
