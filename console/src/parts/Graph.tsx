import type { ReactNode } from "react";
import type { Task } from "../api/types";
import { formatPercent } from "../text/format";
import { useLanguage, useText } from "../text/language";
import { placeNodes } from "./layers";
import { kindOf, shapeOf, useTaskName } from "./Small";

const WIDTH = 224;
const HEIGHT = 52;
const GAP_X = 44;
const GAP_Y = 14;

/** Tasks from left to right, each behind those whose data it takes. */
export function Graph({ tasks }: { tasks: readonly Task[] }): ReactNode {
  const text = useText();
  const language = useLanguage();
  const nameOf = useTaskName();
  const places = placeNodes(tasks.map((task) => ({ id: task.task_id, inputs: task.input_task_ids })));
  const at = (id: string): { x: number; y: number } | null => {
    const place = places.get(id);
    return place ? { x: place.column * (WIDTH + GAP_X) + 1, y: place.row * (HEIGHT + GAP_Y) + 1 } : null;
  };
  const found = [...places.values()];
  const width = (Math.max(0, ...found.map(({ column }) => column)) + 1) * (WIDTH + GAP_X) - GAP_X + 2;
  const height = (Math.max(0, ...found.map(({ row }) => row)) + 1) * (HEIGHT + GAP_Y) - GAP_Y + 2;
  const lines = tasks.flatMap((task) =>
    task.input_task_ids.flatMap((input) => {
      const [from, to] = [at(input), at(task.task_id)];
      if (!from || !to) return [];
      const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, to.x, to.y + HEIGHT / 2];
      const middle = (x1 + x2) / 2;
      return [<path key={`${input} ${task.task_id}`} d={`M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`} />];
    }),
  );
  return (
    // It can be wider than the screen, so the keyboard must reach it; the table below says the same in words.
    <div className="wide" tabIndex={0} role="group" aria-label={text.graph}>
      <svg className="graph" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        {lines}
        {tasks.map((task) => {
          const { x, y } = at(task.task_id) ?? { x: 0, y: 0 };
          const state = text.statuses[task.status] ?? "?";
          const progress = task.status === "IN_PROGRESS" ? ` ${formatPercent(task.progress, language)}` : "";
          return (
            <g key={task.task_id} className={kindOf(task.status)} transform={`translate(${x} ${y})`}>
              <rect width={WIDTH} height={HEIGHT} rx="6" />
              {progress && <rect className="bar" y={HEIGHT - 5} width={(WIDTH * task.progress) / 100} height="5" />}
              <text x="10" y="21">
                {nameOf(task).slice(0, 30)}
              </text>
              <text x="10" y="39" className="small">{`${shapeOf(task.status)} ${state}${progress}`}</text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
