import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState, useSyncExternalStore } from "react";
import { useSession } from "../api/session";
import { OutcomeLine } from "../parts/OutcomeLine";
import { Failure, Foreign, Id, Time, Waiting } from "../parts/Small";
import { formatBytes } from "../text/format";
import { useLanguage, useText } from "../text/language";
import { abort, getJob, isRunning, mayGoOn, resume, subscribe } from "../upload/job";
import { findMisfit, type Misfit, type UploadSummary } from "../upload/plan";
import { openUploadsQuery } from "../upload/queries";
import { GiveUp } from "./GiveUp";
import { Pair } from "./TaskTable";
import { useActions } from "./useActions";

/** What one has begun, here or elsewhere, and not ended. */
export function OpenUploads(): ReactNode {
  const text = useText();
  const job = useSyncExternalStore(subscribe, getJob);
  const { username } = useSession();
  const { data, error } = useQuery(openUploadsQuery(username));
  const { outcome, run } = useActions();
  const [asked, setAsked] = useState<UploadSummary | null>(null);
  const isHere = (upload: UploadSummary): boolean => (isRunning() || mayGoOn()) && upload.upload_id === job?.upload_id;
  const open = (data ?? []).filter((upload) => !isHere(upload));
  return (
    <section aria-label={text.upload.open}>
      <h2>
        {text.upload.open} <span className="count">{open.length}</span>
      </h2>
      {!data && <Waiting error={error} />}
      {data && error && <Failure error={error} />}
      {data && open.length === 0 && <p className="muted">{text.upload.noneOpen}</p>}
      <ul className="rows">
        {open.map((upload) => (
          <Row key={upload.upload_id} upload={upload} isBusy={isRunning()} onGiveUp={() => setAsked(upload)} />
        ))}
      </ul>
      <OutcomeLine outcome={outcome} />
      {asked && (
        <GiveUp
          name={asked.file_name}
          onLeave={() => setAsked(null)}
          onYes={() => {
            run(text.upload.giveUp, () => abort(asked.upload_id));
            setAsked(null);
          }}
        />
      )}
    </section>
  );
}

function Row({ upload, isBusy, onGiveUp }: { upload: UploadSummary; isBusy: boolean; onGiveUp: () => void }): ReactNode {
  const text = useText();
  const language = useLanguage();
  const [misfit, setMisfit] = useState<Misfit | null>(null);
  const name = upload.file_name;
  const take = (file: File | undefined): void => {
    if (!file) return;
    const found = findMisfit(file, false, upload);
    setMisfit(found);
    if (!found) void resume(file, upload.upload_id);
  };
  return (
    <li>
      <h3>
        <Foreign>{name}</Foreign>
      </h3>
      <dl>
        <Pair name={text.size}>{formatBytes(upload.size_bytes, language)}</Pair>
        {upload.dag_id && (
          <Pair name={text.dag}>
            <Foreign>{upload.dag_id}</Foreign>
          </Pair>
        )}
        {upload.task_id && (
          <Pair name={text.task}>
            <Id id={upload.task_id} />
          </Pair>
        )}
        <Pair name={text.upload.begun}>
          <Time at={upload.created_at} />
        </Pair>
        <Pair name={text.upload.expires}>
          <Time at={upload.expires_at} />
        </Pair>
      </dl>
      {isBusy ? (
        <p className="muted">{text.upload.oneAtATime}</p>
      ) : (
        <label>
          {text.upload.same}
          <input type="file" aria-label={text.upload.sameOf(name)} onChange={(event) => take(event.target.files?.[0])} />
        </label>
      )}
      {misfit && (
        <p role="alert" className="failure">
          {text.upload.misfits[misfit]}
        </p>
      )}
      <button type="button" aria-label={`${text.upload.giveUp}, ${name}`} onClick={onGiveUp}>
        {text.upload.giveUp} …
      </button>
    </li>
  );
}
