import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { useSession } from "../api/session";
import { OutcomeLine } from "../parts/OutcomeLine";
import { Foreign, Said } from "../parts/Small";
import { formatBytes, formatDuration } from "../text/format";
import { useLanguage, useText } from "../text/language";
import { abort, forget, goOn, isRunning, type Job, mayGoOn, pause, type Phase } from "../upload/job";
import { GiveUp } from "./GiveUp";
import { useActions } from "./useActions";

const LOOKS: Partial<Record<Phase, [kind: string, shape: string]>> = {
  done: ["done", "✓"],
  failed: ["failed", "✕"],
  paused: ["waiting", "‖"],
};

/** The upload of this page: how far it is, and what one may do about it. */
export function UploadJob({ job }: { job: Job }): ReactNode {
  const text = useText();
  const session = useSession();
  const { outcome, run } = useActions();
  const [isAsking, setAsking] = useState(false);
  const [kind, shape] = LOOKS[job.phase] ?? ["active", "▶"];
  const hasProgress = job.phase === "checking" || job.phase === "sending" || job.phase === "paused";
  const giveUp = (): void => {
    setAsking(false);
    if (job.upload_id === null) forget();
    else run(text.upload.giveUp, () => abort(job.upload_id ?? ""));
  };
  return (
    <section className="card upload" aria-label={text.upload.region}>
      <h2>
        <Foreign>{job.file_name}</Foreign>
      </h2>
      <p role="status">
        <span className={`state ${kind}`}>
          <span aria-hidden="true">{shape}</span> {text.upload.phases[job.phase]}
        </span>
      </p>
      {hasProgress && <Progress job={job} />}
      {session.status === "out" && isRunning() && <p>{text.upload.needsLogin}</p>}
      {job.why && (
        <div role="alert" className="failure">
          <p>{text.upload.why[job.why]}</p>
          <Said lines={job.lines} />
        </div>
      )}
      {job.phase === "done" && <Done job={job} />}
      <div className="buttons">
        {(job.phase === "checking" || job.phase === "sending") && (
          <button type="button" onClick={pause}>
            {text.upload.pause}
          </button>
        )}
        {mayGoOn() && (
          <button type="button" onClick={goOn}>
            {text.upload.goOn}
          </button>
        )}
        {(isRunning() || mayGoOn()) && (
          <button type="button" onClick={() => setAsking(true)}>
            {text.upload.giveUp} …
          </button>
        )}
        {!isRunning() && (
          <button type="button" onClick={forget}>
            {text.upload.another}
          </button>
        )}
      </div>
      <OutcomeLine outcome={outcome} />
      {isAsking && <GiveUp name={job.file_name} onLeave={() => setAsking(false)} onYes={giveUp} />}
    </section>
  );
}

function Progress({ job }: { job: Job }): ReactNode {
  const text = useText();
  const language = useLanguage();
  const left_s = (job.of_bytes - job.bytes) / job.rate_bytes_per_s;
  return (
    <>
      <progress max={job.of_bytes} value={job.bytes} aria-label={text.progress} />
      <p className="figures">
        {text.upload.moved(formatBytes(job.bytes, language), formatBytes(job.of_bytes, language))}
        {job.rate_bytes_per_s > 0 && ` · ${text.upload.rate(formatBytes(job.rate_bytes_per_s, language))}`}
        {Number.isFinite(left_s) && ` · ${text.upload.left(formatDuration(left_s, language))}`}
      </p>
    </>
  );
}

function Done({ job }: { job: Job }): ReactNode {
  const text = useText();
  return (
    <>
      <p>{text.upload.checked}</p>
      {job.dag_run_id !== null && <Link href={`/dag_runs/${encodeURIComponent(job.dag_run_id)}`}>{text.upload.toRun}</Link>}
      {job.workflow_id !== null && <Link href={`/workflows/${encodeURIComponent(job.workflow_id)}`}>{text.upload.toWorkflow}</Link>}
    </>
  );
}
