import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Task } from "../api/types";
import { useMay } from "../parts/may";
import { Foreign, Id, State, Time, useTaskName } from "../parts/Small";
import { takesData, UploadLink } from "../parts/UploadLink";
import { formatPercent } from "../text/format";
import { useLanguage, useText } from "../text/language";

interface Props {
  workflowId: string;
  tasks: readonly Task[];
  isBusy: boolean;
  onStart: (task: Task) => void;
  onCancel: (task: Task) => void;
}

/** All that is known of each task, with what one may do about it. */
export function TaskTable({ workflowId, tasks, isBusy, onStart, onCancel }: Props): ReactNode {
  const text = useText();
  const language = useLanguage();
  const nameOf = useTaskName();
  const may = useMay();
  return (
    <ul className="rows">
      {tasks.map((task) => {
        const name = nameOf(task);
        const reason = task.waits_for?.reason ?? task.reason;
        const isOpen = task.status === "PENDING" || task.status === "IN_PROGRESS";
        return (
          <li key={task.task_id}>
            <h3>
              <Foreign>{name}</Foreign>
            </h3>
            <p>
              <State state={task.status} />
              {task.status === "IN_PROGRESS" && <progress max={100} value={task.progress} aria-label={`${text.progress}, ${name}`} />}
              {task.status === "IN_PROGRESS" && ` ${formatPercent(task.progress, language)}`}
            </p>
            {reason && (
              <p lang="en" className="said">
                <Foreign>{reason}</Foreign>
              </p>
            )}
            <dl>
              {task.attempt > 0 && <Pair name={text.attempt}>{task.attempt}</Pair>}
              {task.device_id && (
                <Pair name={text.device}>
                  <Foreign>{task.device_id}</Foreign>
                </Pair>
              )}
              {task.dag_id && (
                <Pair name={text.dag}>
                  <Foreign>{task.dag_id}</Foreign>
                </Pair>
              )}
              {task.dag_run_id && (
                <Pair name={text.run}>
                  <Link href={`/dag_runs/${encodeURIComponent(task.dag_run_id)}`}>
                    <Id id={task.dag_run_id} />
                  </Link>
                </Pair>
              )}
              {task.status === "IN_PROGRESS" && task.deadline && (
                <Pair name={text.deadline}>
                  <Time at={task.deadline} />
                </Pair>
              )}
              <Pair name={text.updated}>
                <Time at={task.updated_at} />
              </Pair>
            </dl>
            <div className="buttons">
              {task.status !== "IN_PROGRESS" && may(task.status === "PENDING" ? "trigger_task" : "retry_task") && (
                <button type="button" disabled={isBusy} aria-label={`${task.status === "PENDING" ? text.start : text.retry}, ${name}`} onClick={() => onStart(task)}>
                  {task.status === "PENDING" ? text.start : text.retry}
                </button>
              )}
              {isOpen && may("cancel_task") && (
                <button type="button" disabled={isBusy} aria-label={`${text.cancel}, ${name}`} onClick={() => onCancel(task)}>
                  {text.cancel} …
                </button>
              )}
              {takesData(task) && <UploadLink workflowId={workflowId} taskId={task.task_id} name={name} />}
            </div>
          </li>
        );
      })}
    </ul>
  );
}

export function Pair({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
