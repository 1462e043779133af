/** What this page can tell of the way between this computer and a scan in the cloud, as `doctor` does. */
import type { components } from "../api/schema";

export type Outcome = "ok" | "warning" | "failed" | "unknown";
type Schemas = components["schemas"];

const MAX_SKEW_S = 60;

/** How far this computer's clock is ahead of the server's [s]; null: it does not say. */
export function findSkew(date: string | null, asked_ms: number, answered_ms: number): number | null {
  const server_ms = Date.parse(date ?? "");
  if (Number.isNaN(server_ms)) return null;
  // The header has whole seconds: on average, half of one is cut off.
  return ((asked_ms + answered_ms) / 2 - server_ms - 500) / 1000;
}

export function judgeSkew(skew_s: number | null): Outcome {
  if (skew_s === null) return "unknown";
  return Math.abs(skew_s) > MAX_SKEW_S ? "warning" : "ok";
}

export type AirflowFinding = "airflowOk" | "airflowDown" | "airflowNoList" | "airflowNone" | "airflowBroken";

/** A list of DAGs comes from an Airflow without a scheduler too. */
export function judgeAirflow(degraded: readonly string[], listed: Schemas["DagList"] | null): [Outcome, AirflowFinding] {
  if (degraded.includes("airflow")) return ["failed", "airflowDown"];
  if (!listed) return ["failed", "airflowNoList"];
  if ((listed.import_errors ?? []).length > 0) return ["warning", "airflowBroken"];
  return listed.dags.length === 0 ? ["warning", "airflowNone"] : ["ok", "airflowOk"];
}

/** A DAG that would take an upload. */
export function findUsable(listed: Schemas["DagList"] | null): string | null {
  return listed?.dags.find((dag) => !dag.is_paused && !dag.has_import_errors)?.dag_id ?? null;
}
