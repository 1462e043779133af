import { type ReactNode, useState } from "react";
import { ApiError, ChangedError } from "../api/client";
import { formatTime } from "../text/format";
import type { Task } from "../api/types";
import { useLanguage, useText } from "../text/language";
import { countData } from "./attention";

const SHAPES: Record<string, string> = { done: "✓", failed: "✕", cancelled: "⊘", waiting: "○", unknown: "?", active: "▶" };
const KINDS: Record<string, string> = {
  COMPLETED: "done",
  SUCCEEDED: "done",
  completed: "done",
  FAILED: "failed",
  failed: "failed",
  CANCELLED: "cancelled",
  cancelled: "cancelled",
  PENDING: "waiting",
  pending: "waiting",
  IN_PROGRESS: "active",
  RUNNING: "active",
  running: "active",
};

export const kindOf = (state: string): string => KINDS[state] ?? "unknown";
export const shapeOf = (state: string): string => SHAPES[kindOf(state)] ?? "?";

/** A state by shape, word and colour. */
export function State({ state }: { state: string }): ReactNode {
  const text = useText();
  return (
    <span className={`state ${kindOf(state)}`}>
      <span aria-hidden="true">{shapeOf(state)}</span> {text.statuses[state] ?? <Foreign>{state}</Foreign>}
    </span>
  );
}

/** Whether the data of the scans are there, to be read from two metres. */
export function Data({ tasks }: { tasks: readonly Task[] }): ReactNode {
  const text = useText();
  const data = countData(tasks);
  if (!data) return null;
  const isWhole = data.n_arrived === data.n_scans;
  return (
    <span className={`state ${isWhole ? "done" : "waiting"}`}>
      <span aria-hidden="true">{isWhole ? "✓" : "○"}</span> {isWhole ? text.board.dataArrived : text.board.dataAwaited(data.n_arrived, data.n_scans)}
    </span>
  );
}

// What is longer is cut, until somebody wants to see all of it.
const MAX_SHOWN = 400;

/** A text that others wrote: it is shown as text, and turns nothing around it. */
export function Foreign({ children }: { children: string }): ReactNode {
  const text = useText();
  const [isWhole, setWhole] = useState(false);
  if (children.length <= MAX_SHOWN) return <bdi className="foreign">{children}</bdi>;
  return (
    <>
      <bdi className="foreign">{isWhole ? children : `${children.slice(0, MAX_SHOWN / 2)}…`}</bdi>{" "}
      <button type="button" className="more" lang={document.documentElement.lang} aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
        {isWhole ? text.board.showLess : text.board.showAll}
      </button>
    </>
  );
}

/** Sentences of the API, which speaks English. */
export function Said({ lines }: { lines: readonly string[] }): ReactNode {
  return lines.map((line, index) => (
    <p key={index} lang="en" className="said">
      <Foreign>{line}</Foreign>
    </p>
  ));
}

export function Time({ at }: { at: string | null | undefined }): ReactNode {
  const language = useLanguage();
  if (!at) return <span aria-hidden="true">–</span>;
  return (
    <time dateTime={at} title={formatTime(at, language, "UTC")}>
      {formatTime(at, language)}
    </time>
  );
}

/** What went wrong, in the API's words or ours. */
export function Failure({ error }: { error: unknown }): ReactNode {
  const text = useText();
  const lines = error instanceof ApiError ? error.lines : [];
  return (
    <div role="alert" aria-live="polite" className="failure">
      {lines.length > 0 ? <Said lines={lines} /> : <p>{error instanceof ChangedError ? text.plan.changed : text.noAnswer}</p>}
    </div>
  );
}

/** What a page shows before its first answer, and where none comes. */
export function Waiting({ error }: { error: unknown }): ReactNode {
  const text = useText();
  return error ? <Failure error={error} /> : <p role="status">{text.loading}</p>;
}

/** An id, of which the beginning is enough to tell it apart. */
export function Id({ id }: { id: string }): ReactNode {
  return (
    <code title={id.slice(0, 200)}>
      <Foreign>{id.length > 12 ? `${id.slice(0, 8)}…` : id}</Foreign>
    </code>
  );
}

/** What a task is called: its kind, and its place as the API counts it, else the beginning of its id. */
export function useTaskName(): (task: { task_id: string; task_type: string; name?: string | null }) => string {
  const text = useText();
  return ({ task_id, task_type, name }) => `${text.taskTypes[task_type] ?? task_type.slice(0, 40)} ${/ (\d+)$/.exec(name ?? "")?.[1] ?? task_id.slice(0, 8)}`;
}
