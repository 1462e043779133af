import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, ApiError, ChangedError, unwrap } from "../api/client";
import { readTrail, workflowQuery } from "../api/queries";
import { isScan, type Plan, type Retried, type Task, type WorkflowEvent } from "../api/types";
import { Dialog } from "../parts/Dialog";
import { Graph } from "../parts/Graph";
import { NotOffered, useMay } from "../parts/may";
import { OutcomeLine } from "../parts/OutcomeLine";
import { type Scan, ScanDialog } from "../parts/ScanDialog";
import { Data, Failure, Foreign, Id, Said, State, useTaskName, Waiting } from "../parts/Small";
import { Timeline } from "../parts/Timeline";
import { useText } from "../text/language";
import { TaskTable } from "./TaskTable";
import { Trail } from "./Trail";
import { useActions } from "./useActions";

type Open = { is: "scan"; scan: Scan; plan?: Plan } | { is: "process"; plan: Plan } | { is: "cancel"; act: () => Promise<unknown> };

function PlanOf({ plan }: { plan: Plan }): ReactNode {
  const text = useText();
  const lines = [...plan.problems, ...plan.tasks.flatMap((task) => task.problems.map((each) => `${task.task_id.slice(0, 8)}: ${each}`))];
  return (
    <div role="status">
      <p>{lines.length === 0 ? text.validOk : text.validBad}</p>
      <Said lines={lines} />
    </div>
  );
}

/** What a retry of all has started, and why not the rest. */
function RetriedLines({ retried, nameOf }: { retried: Retried; nameOf: (task_id: string) => string }): ReactNode {
  const text = useText();
  return (
    <div role="status">
      <p>{text.me.started(retried.started.length)}</p>
      <Said lines={retried.not_started.map(({ task_id, reason }) => `${nameOf(task_id)}: ${reason}`)} />
    </div>
  );
}

/** One workflow: what depends on what, what happened, and what one may do about it. */
export function WorkflowView({ id }: { id: string }): ReactNode {
  const text = useText();
  const nameOf = useTaskName();
  const queries = useQueryClient();
  const { data: workflow, error } = useQuery(workflowQuery(id));
  const { outcome, run } = useActions();
  const [open, setOpen] = useState<Open | null>(null);
  const [plan, setPlan] = useState<Plan | null>(null);
  const [retried, setRetried] = useState<Retried | null>(null);
  const [trail, setTrail] = useState<WorkflowEvent[]>([]);
  const may = useMay();
  if (!workflow) return <Waiting error={error} />;

  const path = { workflow_id: id };
  const leave = (): void => {
    setOpen(null);
    void queries.invalidateQueries();
  };
  const validate = (): Promise<Plan> => unwrap(api.POST("/workflows/{workflow_id}/validate/", { params: { path } }));
  const process = (): Promise<unknown> => unwrap(api.POST("/process/{workflow_id}/", { params: { path } }));
  const cancelAll = (): Promise<unknown> => unwrap(api.POST("/workflows/{workflow_id}/cancel/", { params: { path } }));
  // What has failed after this page was read was not meant: its reason comes first.
  const retryAll = (): Promise<Retried> =>
    unwrap(api.POST("/workflows/{workflow_id}/retry/", { params: { path, query: { failed_by: workflow.updated_at } } }));
  const prepare = async (): Promise<void> => {
    const plan = await validate();
    const planned = plan.tasks.find((task) => isScan(task) && plan.would_start.includes(task.task_id));
    const scan = planned && workflow.tasks.find(({ task_id }) => task_id === planned.task_id);
    // What is wrong, or could not be checked, does not always keep a scan from starting.
    if (scan) setOpen({ is: "scan", scan: describe(scan, () => processAsShown(plan)), plan });
    // A scan that this page does not know yet is none to start from it.
    else if (planned) throw new ChangedError();
    else setOpen({ is: "process", plan });
  };
  // What has become ready since it was shown, a scan above all, was not meant.
  const processAsShown = async (shown: Plan): Promise<unknown> => {
    const plan = await validate().catch((error: unknown) => {
      // Nothing has been sent that could start anything.
      throw error instanceof ApiError && error.isUnclear ? new ApiError(409, error.lines) : error;
    });
    if (plan.would_start.join() !== shown.would_start.join()) throw new ChangedError();
    return process();
  };
  const describe = (task: Task, send: () => Promise<unknown>): Scan => ({
    workflowId: id,
    deviceId: task.device_id ?? null,
    attempt: task.attempt + 1,
    send,
  });
  const start = (task: Task): void => {
    const taskPath = { workflow_id: id, task_id: task.task_id };
    // Sent twice, it starts nothing twice.
    const query = { expected_attempt: task.attempt };
    const send = (): Promise<unknown> =>
      task.status === "PENDING"
        ? unwrap(api.POST("/trigger_task/{task_id}/", { params: { path: { task_id: task.task_id }, query } }))
        : unwrap(api.POST("/workflows/{workflow_id}/tasks/{task_id}/retry/", { params: { path: taskPath, query } }));
    if (isScan(task)) setOpen({ is: "scan", scan: describe(task, send) });
    else run(`${task.status === "PENDING" ? text.start : text.retry}, ${nameOf(task)}`, send);
  };
  const cancel = (task: Task): void => {
    const taskPath = { workflow_id: id, task_id: task.task_id };
    const act = (): Promise<unknown> => unwrap(api.POST("/workflows/{workflow_id}/tasks/{task_id}/cancel/", { params: { path: taskPath } }));
    setOpen({ is: "cancel", act });
  };
  const nameOfId = (task_id: string): string => {
    const task = workflow.tasks.find((each) => each.task_id === task_id);
    return task ? nameOf(task) : task_id.slice(0, 8);
  };
  // Whatever was not there when all was read came after it.
  const known = new Set(trail.map(({ event_id }) => event_id));
  const events = [...trail, ...workflow.events.filter(({ event_id }) => !known.has(event_id))];
  // Its first line is the one that defines it.
  const isLonger = workflow.events.length > 0 && workflow.events[0]?.name !== "define";
  const isBusy = outcome.is === "sending";
  const n_failed = workflow.tasks.filter((task) => task.status === "FAILED" && !isScan(task)).length;
  const hasOpen = workflow.tasks.some(({ status }) => status === "PENDING" || status === "IN_PROGRESS");
  return (
    <>
      <h1>
        {text.workflow} <Id id={id} />
      </h1>
      <p className="big">
        <Data tasks={workflow.tasks} />
        <State state={workflow.status} />
      </p>
      <p>
        {workflow.exam_id && (
          <span className="muted">
            {text.exam} <Id id={workflow.exam_id} />
          </span>
        )}
      </p>
      {error && <Failure error={error} />}
      <div className="buttons">
        {n_failed > 0 && may("retry_workflow") && (
          <button type="button" disabled={isBusy} onClick={() => run(text.me.retryAll, async () => setRetried(await retryAll()))}>
            {text.me.retryAll}
          </button>
        )}
        {may("validate_workflow") && (
          <button type="button" disabled={isBusy} onClick={() => run(text.validate, async () => setPlan(await validate()))}>
            {text.validate}
          </button>
        )}
        {may("validate_workflow") && may("process_workflow") && (
          <button type="button" disabled={isBusy} onClick={() => run(text.validate, prepare)}>
            {text.process} …
          </button>
        )}
        {hasOpen && may("cancel_workflow") && (
          <button type="button" disabled={isBusy} onClick={() => setOpen({ is: "cancel", act: cancelAll })}>
            {text.cancelWorkflow} …
          </button>
        )}
      </div>
      <NotOffered operations={["process_workflow", "validate_workflow", "cancel_workflow", "retry_workflow", "retry_task", "trigger_task", "cancel_task"]} />
      <OutcomeLine outcome={outcome} />
      {retried && <RetriedLines retried={retried} nameOf={nameOfId} />}
      {plan && <PlanOf plan={plan} />}
      <h2>{text.graph}</h2>
      <Graph tasks={workflow.tasks} />
      <h2>{text.tasks}</h2>
      <TaskTable workflowId={id} tasks={workflow.tasks} isBusy={isBusy} onStart={start} onCancel={cancel} />
      <h2>{text.timeline}</h2>
      <Timeline events={events} tasks={workflow.tasks} />
      <h2>{text.trail}</h2>
      <Trail events={events} tasks={workflow.tasks} />
      {isLonger && trail.length === 0 && (
        <button type="button" onClick={() => run(text.trail, async () => setTrail(await readTrail(id)))}>
          {text.olderTrail}
        </button>
      )}
      {open?.is === "scan" && (
        <ScanDialog scan={open.scan} onLeave={leave}>
          {open.plan && <PlanOf plan={open.plan} />}
        </ScanDialog>
      )}
      {open?.is === "process" && (
        <Dialog title={text.processTitle} onLeave={leave}>
          <PlanOf plan={open.plan} />
          <p>{open.plan.would_start.length === 0 ? text.processNothing : text.processStarts}</p>
          <ul>
            {open.plan.tasks
              .filter((task) => open.plan.would_start.includes(task.task_id))
              .map((task) => (
                <li key={task.task_id}>
                  <Foreign>{nameOf(task)}</Foreign>
                </li>
              ))}
          </ul>
          <div className="buttons">
            <button type="button" onClick={leave}>
              {text.cancelDialog}
            </button>
            {open.plan.would_start.length > 0 && (
              <button
                type="button"
                onClick={() => {
                  run(text.process, () => processAsShown(open.plan));
                  leave();
                }}
              >
                {text.process}
              </button>
            )}
          </div>
        </Dialog>
      )}
      {open?.is === "cancel" && (
        <Dialog title={text.cancelTitle} onLeave={leave}>
          <p>{text.cancelScan}</p>
          <div className="buttons">
            <button type="button" onClick={leave}>
              {text.cancelDialog}
            </button>
            <button
              type="button"
              className="danger"
              onClick={() => {
                run(text.cancel, open.act);
                leave();
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
