import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { api, unwrap } from "../api/client";
import { runQuery } from "../api/queries";
import type { RunDetail } from "../api/types";
import { Dialog } from "../parts/Dialog";
import { NotOffered, useMay } from "../parts/may";
import { OutcomeLine } from "../parts/OutcomeLine";
import { Failure, Foreign, Id, State, Time, Waiting } from "../parts/Small";
import { formatPercent } from "../text/format";
import { useLanguage, useText } from "../text/language";
import { Results } from "./Results";
import { Pair } from "./TaskTable";
import { useActions } from "./useActions";

/** The address, if a browser may be led there: an answer could hold a script in its place. */
export function safeLink(url: string | null | undefined): string | null {
  return url && /^https?:\/\//i.test(url) ? url : null;
}

function AirflowTasks({ run }: { run: RunDetail }): ReactNode {
  const text = useText();
  if (run.task_instances === null) return <p className="muted">{text.noAirflowTasks}</p>;
  return (
    <div className="wide" tabIndex={0} role="group" aria-label={text.airflowTasks}>
      <table>
        <thead>
          <tr>
            {[text.task, text.state, text.tries, text.started, text.finished].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {run.task_instances.map((task) => (
            <tr key={task.task_id}>
              <td>
                <Foreign>{task.task_id}</Foreign>
              </td>
              <td lang="en">
                {/* Airflow's own word for it, by which one finds it there. */}
                <Foreign>{task.state ?? "–"}</Foreign>
              </td>
              <td>{task.try_number}</td>
              <td>
                <Time at={task.started_at} />
              </td>
              <td>
                <Time at={task.ended_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** One run: why it is as it is, Airflow's tasks, and what it has made. */
export function RunView({ id }: { id: string }): ReactNode {
  const text = useText();
  const language = useLanguage();
  const { data: run, error } = useQuery(runQuery(id));
  const { outcome, run: act } = useActions();
  const [isCancelling, setCancelling] = useState(false);
  const may = useMay();
  if (!run) return <Waiting error={error} />;
  const path = { dag_run_id: id };
  const retry = (): Promise<unknown> => {
    const { workflow_id, task_id, attempt } = run;
    if (!workflow_id || !task_id) return unwrap(api.POST("/dag_runs/{dag_run_id}/retry/", { params: { path } }));
    // The run of a task is the task's: its next attempt is another run, which the workflow shows.
    const taskPath = { workflow_id, task_id };
    return unwrap(api.POST("/workflows/{workflow_id}/tasks/{task_id}/retry/", { params: { path: taskPath, query: { expected_attempt: attempt } } }));
  };
  const cancel = (): Promise<unknown> => unwrap(api.POST("/dag_runs/{dag_run_id}/cancel/", { params: { path } }));
  const isOpen = run.state === "PENDING" || run.state === "RUNNING";
  const isRetryable = run.state === "FAILED" || run.state === "CANCELLED";
  const retrying = run.workflow_id && run.task_id ? "retry_task" : "retry_dag_run";
  const acts = [...(isRetryable ? [retrying] : []), ...(isOpen ? ["cancel_dag_run"] : [])];
  const airflow = safeLink(run.airflow_url);
  return (
    <>
      <h1>
        {text.run} <Id id={id} />
      </h1>
      <p className="big">
        <State state={run.state} />
        {isOpen && <progress max={100} value={run.progress} aria-label={text.progress} />}
        {isOpen && ` ${formatPercent(run.progress, language)}`}
      </p>
      {run.reason && (
        <p lang="en" className="said">
          <Foreign>{run.reason}</Foreign>
        </p>
      )}
      {error && <Failure error={error} />}
      <div className="buttons">
        {isRetryable && may(retrying) && (
          <button type="button" disabled={outcome.is === "sending"} onClick={() => act(text.retry, retry)}>
            {text.retry}
          </button>
        )}
        {isOpen && may("cancel_dag_run") && (
          <button type="button" disabled={outcome.is === "sending"} onClick={() => setCancelling(true)}>
            {text.cancel} …
          </button>
        )}
        {airflow && (
          <a href={airflow} target="_blank" rel="noopener noreferrer">
            {text.airflow}
          </a>
        )}
      </div>
      <NotOffered operations={acts} />
      <OutcomeLine outcome={outcome} />
      <dl>
        <Pair name={text.dag}>
          <Foreign>{run.dag_id}</Foreign>
        </Pair>
        {run.workflow_id && (
          <Pair name={text.workflow}>
            <Link href={`/workflows/${encodeURIComponent(run.workflow_id)}`}>
              <Id id={run.workflow_id} />
            </Link>
          </Pair>
        )}
        <Pair name={text.attempt}>{run.attempt}</Pair>
        <Pair name={text.created}>
          <Time at={run.created_at} />
        </Pair>
        <Pair name={text.started}>
          <Time at={run.started_at} />
        </Pair>
        <Pair name={text.finished}>
          <Time at={run.finished_at} />
        </Pair>
        {isOpen && (
          <Pair name={text.deadline}>
            <Time at={run.deadline} />
          </Pair>
        )}
        {run.dag_version && (
          <Pair name={text.version}>
            <Foreign>{run.dag_version}</Foreign>
          </Pair>
        )}
        {run.engine && (
          <Pair name={text.engine}>
            <Foreign>{`${run.engine.name} ${run.engine.version ?? ""}`}</Foreign>
          </Pair>
        )}
      </dl>
      <h2>{text.results}</h2>
      <Results dagRunId={id} state={run.state} />
      <h2>{text.airflowTasks}</h2>
      <AirflowTasks run={run} />
      {isCancelling && (
        <Dialog title={text.cancelTitle} onLeave={() => setCancelling(false)}>
          <div className="buttons">
            <button type="button" onClick={() => setCancelling(false)}>
              {text.cancelDialog}
            </button>
            <button
              type="button"
              className="danger"
              onClick={() => {
                setCancelling(false);
                act(text.cancel, cancel);
              }}
            >
              {text.cancelYes}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
