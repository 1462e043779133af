import type { ReactNode } from "react";
import type { Task, WorkflowEvent } from "../api/types";
import { Foreign, Id, State, Time, useTaskName } from "../parts/Small";
import { useText } from "../text/language";

/** The audit trail, newest first: who changed what, when and why. */
export function Trail({ events, tasks }: { events: readonly WorkflowEvent[]; tasks: readonly Task[] }): ReactNode {
  const text = useText();
  const nameOf = useTaskName();
  const nameOfEntity = (entity: string): ReactNode => {
    const [, kind = "", id = ""] = /^(\w+):(.*)$/s.exec(entity) ?? [];
    const task = kind === "task" && tasks.find((each) => each.task_id === id);
    if (task) return <Foreign>{nameOf(task)}</Foreign>;
    const word = { workflow: text.workflow, task: text.task, dag_run: text.run }[kind];
    return word === undefined ? (
      <Foreign>{entity}</Foreign>
    ) : (
      <>
        {word} <Id id={id} />
      </>
    );
  };
  return (
    <div className="wide" tabIndex={0} role="group" aria-label={text.trail}>
      <table>
        <thead>
          <tr>
            {[text.at, text.what, text.change, text.reason, text.who].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {events.toReversed().map((event) => (
            <tr key={event.event_id}>
              <td>
                <Time at={event.at} />
              </td>
              <td>
                {nameOfEntity(event.entity)}
              </td>
              <td>
                <State state={event.to_state} />{" "}
                <code lang="en">
                  <Foreign>{event.name}</Foreign>
                </code>
              </td>
              <td lang="en">{event.reason && <Foreign>{event.reason}</Foreign>}</td>
              <td>
                <Foreign>{event.actor}</Foreign>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
