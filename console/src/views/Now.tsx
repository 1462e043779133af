import { useQuery } from "@tanstack/react-query";
import { memo, type ReactNode, useMemo, useState } from "react";
import { Link } from "wouter";
import { boardQuery, looseRunsQuery, N_ON_BOARD, readinessQuery, wholeBoardQuery } from "../api/queries";
import type { Run, WorkflowSummary } from "../api/types";
import { mergeBoards, sortBoard } from "../parts/attention";
import { Graph } from "../parts/Graph";
import { Data, Failure, Foreign, Id, State, Time, useTaskName, Waiting } from "../parts/Small";
import { takesData, UploadLink } from "../parts/UploadLink";
import { useText } from "../text/language";

// Hundreds of cards would make each refresh slow; more are a click away.
const N_SHOWN = 30;

/** Drawn again only when its workflow has changed. */
const Card = memo(function Card({ workflow, why }: { workflow: WorkflowSummary; why?: string }): ReactNode {
  const text = useText();
  const nameOf = useTaskName();
  const { workflow_id, tasks } = workflow;
  return (
    <li className="card">
      <h3>
        <Link href={`/workflows/${encodeURIComponent(workflow_id)}`}>
          {text.workflow} <Id id={workflow_id} />
        </Link>
      </h3>
      <p className="big">
        <Data tasks={tasks ?? []} />
        <State state={workflow.status} />
        {why && why !== text.statuses[workflow.status] && <strong className="why"> · {why}</strong>}
      </p>
      {tasks && tasks.length > 0 && <Graph tasks={tasks} />}
      {(tasks ?? [])
        .filter((task) => task.reason && task.status !== "COMPLETED")
        .map((task) => (
          <p key={task.task_id} lang="en" className="said">
            <Foreign>{task.reason ?? ""}</Foreign>
          </p>
        ))}
      {(tasks ?? [])
        .filter((task) => takesData(task) && task.status === "IN_PROGRESS")
        .map((task) => (
          <p key={`data ${task.task_id}`}>
            <UploadLink workflowId={workflow_id} taskId={task.task_id} name={nameOf(task)} />
          </p>
        ))}
      <p className="muted">
        {text.updated} <Time at={workflow.updated_at} />
      </p>
    </li>
  );
});

function Section({ title, empty, children }: { title: string; empty: string; children: ReactNode[] }): ReactNode {
  const text = useText();
  const [n_shown, setShown] = useState(N_SHOWN);
  return (
    <section aria-label={title}>
      <h2>
        {title} <span className="count">{children.length}</span>
      </h2>
      {children.length === 0 ? <p className="muted">{empty}</p> : <ul className="cards">{children.slice(0, n_shown)}</ul>}
      {children.length > n_shown && (
        <button type="button" className="next" aria-label={`${text.moreResults}, ${title}`} onClick={() => setShown(n_shown + N_SHOWN)}>
          {text.moreResults}
        </button>
      )}
    </section>
  );
}

function LooseRuns({ runs }: { runs: readonly Run[] }): ReactNode {
  const text = useText();
  if (runs.length === 0) return null;
  return (
    <section aria-label={text.looseRuns}>
      <h2>
        {text.looseRuns} <span className="count">{runs.length}</span>
      </h2>
      <div className="wide" tabIndex={0} role="group" aria-label={text.looseRuns}>
        <table>
          <thead>
            <tr>
              {[text.run, text.dag, text.state, text.reason, text.created].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <tr key={run.dag_run_id}>
                <td>
                  <Link href={`/dag_runs/${encodeURIComponent(run.dag_run_id)}`}>
                    <Id id={run.dag_run_id} />
                  </Link>
                </td>
                <td>
                  <Foreign>{run.dag_id}</Foreign>
                </td>
                <td>
                  <State state={run.state} />
                </td>
                <td lang="en">{run.reason && <Foreign>{run.reason}</Foreign>}</td>
                <td>
                  <Time at={run.created_at} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** First what needs a person, then what is under way. */
export function Now(): ReactNode {
  const text = useText();
  const board = useQuery(boardQuery);
  const whole = useQuery(wholeBoardQuery((board.data ?? []).length === N_ON_BOARD)).data;
  const all = useMemo(() => mergeBoards(board.data ?? [], whole?.workflows ?? []), [board.data, whole]);
  const runs = useQuery(looseRunsQuery);
  const degraded = useQuery(readinessQuery).data ?? [];
  if (!board.data) return <Waiting error={board.error} />;
  // With each answer, also one that brings nothing new: a deadline passes by itself.
  const { needsYou, active, recent } = sortBoard(all, board.dataUpdatedAt);
  return (
    <>
      <h1>{text.now}</h1>
      {board.error && <Failure error={board.error} />}
      {degraded.length > 0 && (
        <p role="alert" aria-live="polite" className="failure">
          <Foreign>{text.degraded(degraded.map((each) => text.board.parts[each] ?? each).join(", "))}</Foreign>
        </p>
      )}
      <Section title={text.needsYou} empty={text.nothingNeeds}>
        {needsYou.map(({ workflow, why }) => (
          <Card key={workflow.workflow_id} workflow={workflow} why={text.why[why]} />
        ))}
      </Section>
      <Section title={text.active} empty={text.nothingActive}>
        {active.map((each) => (
          <Card key={each.workflow_id} workflow={each} />
        ))}
      </Section>
      <Section title={text.recent} empty={text.nothingRecent}>
        {recent.map((each) => (
          <Card key={each.workflow_id} workflow={each} />
        ))}
      </Section>
      {whole?.isCut && <p className="muted">{text.board.isCut(all.length)}</p>}
      <LooseRuns runs={runs.data ?? []} />
    </>
  );
}
