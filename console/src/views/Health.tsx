import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, unwrap } from "../api/client";
import { type LakeAnswer, reach, tryLake } from "../api/health";
import { pollAfter } from "../api/polling";
import { findSkew, findUsable, judgeAirflow, judgeSkew, type Outcome } from "../parts/checks";
import { Foreign, Said, Time } from "../parts/Small";
import { formatDuration, formatMilliseconds } from "../text/format";
import { useLanguage, useText } from "../text/language";
import { dagsQuery } from "../upload/queries";

const LOOKS: Record<Outcome, [kind: string, shape: string]> = {
  ok: ["done", "✓"],
  warning: ["waiting", "!"],
  failed: ["failed", "✕"],
  unknown: ["unknown", "?"],
};

function Check({ name, outcome, children }: { name: string; outcome: Outcome; children: ReactNode }): ReactNode {
  const text = useText();
  const [kind, shape] = LOOKS[outcome];
  return (
    <li>
      <h3>{name}</h3>
      <p className={`state ${kind}`}>
        <span aria-hidden="true">{shape}</span> {text.inbox.outcomes[outcome]}
      </p>
      {children}
    </li>
  );
}

/** What `doctor` of the command line tells, as far as a page can. */
export function Health(): ReactNode {
  const text = useText();
  const language = useLanguage();
  const { names, says } = text.inbox;
  const reached = useQuery({ queryKey: ["reach"], queryFn: reach, refetchInterval: () => pollAfter(false) });
  const dags = useQuery(dagsQuery);
  if (!reached.data && !reached.error) return <p role="status">{text.loading}</p>;
  const skew_s = reached.data ? findSkew(reached.data.date, reached.data.asked_ms, reached.data.answered_ms) : null;
  const degraded = reached.error ? [] : (reached.data?.degraded ?? []);
  const others = degraded.filter((each) => each !== "airflow" && each !== "reconciler");
  const isDown = degraded.includes("reconciler");
  const clock = skew_s === null ? says.clockUnknown : judgeSkew(skew_s) === "ok" ? says.clockOk : says.clockOff(formatDuration(Math.abs(skew_s), language));
  return (
    <section aria-label={text.inbox.health}>
      <h2>{text.inbox.health}</h2>
      <ul className="rows">
        <Check name={names.api} outcome={reached.error ? "failed" : "ok"}>
          <p>{reached.error || !reached.data ? says.apiFailed : says.apiOk(formatMilliseconds(reached.data.wait_ms, language))}</p>
        </Check>
        <Check name={names.clock} outcome={judgeSkew(skew_s)}>
          <p>{clock}</p>
        </Check>
        <Me />
        {(dags.data || dags.error) && <Airflow degraded={degraded} />}
        {!reached.error && (
          <Check name={names.reconciler} outcome={isDown ? "warning" : "ok"}>
            <p>{isDown ? says.reconcilerDown : says.reconcilerOk}</p>
          </Check>
        )}
        {others.map((each) => (
          <Check key={each} name={each.slice(0, 100)} outcome="warning">
            <p>{says.otherDown}</p>
          </Check>
        ))}
        <Lake dagId={findUsable(dags.data ?? null)} />
      </ul>
    </section>
  );
}

function Me(): ReactNode {
  const text = useText();
  const { names, says } = text.inbox;
  const { data: me, error } = useQuery({ queryKey: ["me"], queryFn: () => unwrap(api.GET("/me/")) });
  if (!me) return error && <Check name={names.login} outcome="failed"><p>{says.loginNone}</p></Check>;
  const mayUpload = me.permissions.includes("create_upload");
  return (
    <Check name={names.login} outcome={mayUpload ? "ok" : "warning"}>
      <p>
        <Foreign>{says.loginOk(me.username, me.role)}</Foreign>
      </p>
      {me.ends_at && (
        <p>
          {says.loginEnds} <Time at={me.ends_at} />
        </p>
      )}
      {!mayUpload && <p>{says.mayNotUpload}</p>}
      <details>
        <summary>{text.inbox.rights(me.permissions.length)}</summary>
        <p lang="en">
          <code>{me.permissions.join(" ")}</code>
        </p>
      </details>
    </Check>
  );
}

function Airflow({ degraded }: { degraded: readonly string[] }): ReactNode {
  const { names, says } = useText().inbox;
  const { data: listed } = useQuery(dagsQuery);
  const [outcome, finding] = judgeAirflow(degraded, listed ?? null);
  return (
    <Check name={names.airflow} outcome={outcome}>
      <p>{finding === "airflowOk" ? says.airflowOk(listed?.dags.length ?? 0) : says[finding]}</p>
      {finding === "airflowBroken" && <Said lines={(listed?.import_errors ?? []).map((each) => `${each.filename}: ${each.error}`)} />}
    </Check>
  );
}

type Tried = { is: "asking" } | { is: "unplanned" } | { is: "answered"; answer: LakeAnswer };

function Lake({ dagId }: { dagId: string | null }): ReactNode {
  const text = useText();
  const language = useLanguage();
  const { names, says } = text.inbox;
  const [tried, setTried] = useState<Tried | null>(null);
  const check = (dag_id: string): void => {
    setTried({ is: "asking" });
    tryLake(dag_id).then(
      (answer) => setTried({ is: "answered", answer }),
      () => setTried({ is: "unplanned" }),
    );
  };
  const describe = (): [Outcome, string] => {
    if (dagId === null) return ["unknown", says.lakeNoDag];
    if (!tried) return ["unknown", says.lakeUnasked];
    if (tried.is === "asking") return ["unknown", text.sending];
    if (tried.is === "unplanned") return ["failed", says.lakeUnplanned];
    const { host, status, wait_ms } = tried.answer;
    if (status === 0) return ["failed", says.lakeBlocked(host, location.origin)];
    return status === 200 ? ["ok", says.lakeOk(host, formatMilliseconds(wait_ms, language))] : ["failed", says.lakeRefused(host, status)];
  };
  const [outcome, said] = describe();
  return (
    <Check name={names.lake} outcome={outcome}>
      <p role="status">
        <Foreign>{said}</Foreign>
      </p>
      {dagId !== null && (
        <button type="button" disabled={tried?.is === "asking"} onClick={() => check(dagId)}>
          {text.inbox.check}
        </button>
      )}
    </Check>
  );
}
