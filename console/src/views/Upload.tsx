import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { boardQuery } from "../api/queries";
import { Failure, useTaskName } from "../parts/Small";
import { takesData } from "../parts/UploadLink";
import { useText } from "../text/language";
import { getJob, start, subscribe, type Target } from "../upload/job";
import { findMisfit, type Misfit } from "../upload/plan";
import { dagsQuery } from "../upload/queries";
import { OpenUploads } from "./OpenUploads";
import { UploadJob } from "./UploadJob";

// A file that is dropped beside a form, or while one is sent, must not take the place of the page.
for (const name of ["dragover", "drop"] as const) document.addEventListener(name, (event) => event.preventDefault());

/** Send a file of any size, see how far it is, and go on with what was begun. */
export function Upload({ workflowId, taskId }: { workflowId?: string; taskId?: string }): ReactNode {
  const text = useText();
  const queries = useQueryClient();
  const job = useSyncExternalStore(subscribe, getJob);
  const heading = useRef<HTMLHeadingElement>(null);
  const isHere = job !== null;
  const wasHere = useRef(isHere);
  useEffect(() => {
    // The form gives way to the upload, or comes back: what had the focus is gone.
    if (wasHere.current !== isHere) heading.current?.focus();
    wasHere.current = isHere;
  }, [isHere]);
  useEffect(() => {
    // What was planned, ended or given up is on the list, or not any more.
    void queries.invalidateQueries({ queryKey: ["uploads"] });
  }, [queries, job?.upload_id, job?.phase]);
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {text.upload.title}
      </h1>
      {job ? <UploadJob job={job} /> : <Begin workflowId={workflowId} taskId={taskId} />}
      <OpenUploads />
    </>
  );
}

function readTarget(value: string): Target {
  const [kind, id = ""] = [value.slice(0, 4), value.slice(5)];
  return kind === "task" ? { task_id: id } : { dag_id: id };
}

function Begin({ workflowId, taskId }: { workflowId: string | undefined; taskId: string | undefined }): ReactNode {
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  const [misfit, setMisfit] = useState<Misfit | null>(null);
  const isOver = useDrop((files, isFolder) => {
    if (!input.current) return;
    setMisfit(files.length !== 1 || isFolder ? "folder" : null);
    if (files.length === 1 && !isFolder) input.current.files = files;
  });
  const submit = (form: HTMLFormElement): void => {
    const given = new FormData(form);
    const file = given.get("file");
    if (!(file instanceof File)) return;
    const found = findMisfit(file, false, null);
    setMisfit(found);
    if (!found) void start(file, readTarget(String(given.get("target"))));
  };
  return (
    <form
      className={isOver ? "upload over" : "upload"}
      onSubmit={(event) => {
        event.preventDefault();
        submit(event.currentTarget);
      }}
    >
      <Targets workflowId={workflowId} taskId={taskId} />
      <label>
        {text.upload.file}
        <input ref={input} type="file" name="file" required onChange={() => setMisfit(null)} />
      </label>
      {misfit && (
        <p role="alert" className="failure">
          {text.upload.misfits[misfit]}
        </p>
      )}
      <div className="buttons">
        <button type="submit">{text.upload.send}</button>
      </div>
    </form>
  );
}

/** What a file can be for: the data of a scan that waits, or one run of a DAG. */
function Targets({ workflowId, taskId }: { workflowId: string | undefined; taskId: string | undefined }): ReactNode {
  const text = useText();
  const nameOf = useTaskName();
  const board = useQuery(boardQuery);
  const { data: listed, error } = useQuery(dagsQuery);
  const known = (board.data ?? []).flatMap(({ workflow_id, tasks }) =>
    (tasks ?? []).filter(takesData).map((task) => ({ task_id: task.task_id, name: text.upload.ofScan(nameOf(task), workflow_id.slice(0, 8)) })),
  );
  // One that is not on the board was named by a link.
  const isKnown = known.some(({ task_id }) => task_id === taskId);
  const named = taskId && !isKnown ? [{ task_id: taskId, name: text.upload.ofScan(taskId.slice(0, 8), (workflowId ?? "").slice(0, 8)) }] : [];
  const scans = [...named, ...known];
  return (
    <>
      <label>
        {text.upload.target}
        <select name="target" required defaultValue={taskId ? `task:${taskId}` : ""}>
          <option value="">{text.upload.choose}</option>
          {scans.length > 0 && (
            <optgroup label={text.upload.scans}>
              {scans.map(({ task_id, name }) => (
                <option key={task_id} value={`task:${task_id}`}>
                  {name}
                </option>
              ))}
            </optgroup>
          )}
          <optgroup label={text.upload.dags}>
            {(listed?.dags ?? []).map((dag) => {
              const why = dag.is_paused ? text.upload.paused : dag.has_import_errors ? text.upload.broken : null;
              return (
                <option key={dag.dag_id} value={`dag_:${dag.dag_id}`} disabled={why !== null}>
                  {dag.dag_id}
                  {why && ` (${why})`}
                </option>
              );
            })}
          </optgroup>
        </select>
      </label>
      {error && <Failure error={error} />}
    </>
  );
}

/** Take what is dropped anywhere on the page. */
function useDrop(take: (files: FileList, isFolder: boolean) => void): boolean {
  const [isOver, setOver] = useState(false);
  const taking = useRef(take);
  taking.current = take;
  useEffect(() => {
    const over = (): void => setOver(true);
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      setOver(false);
      const given = event.dataTransfer;
      if (given) taking.current(given.files, [...given.items].some((item) => item.webkitGetAsEntry()?.isDirectory));
    };
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", drop);
    return () => {
      document.removeEventListener("dragover", over);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("drop", drop);
    };
  }, []);
  return isOver;
}
