import { expect, test } from "vitest";
import { adviseOn, findScan } from "./advice";
import { findSkew, findUsable, judgeAirflow, judgeSkew } from "./checks";

const WORKFLOW = "5b1d2a34-8f0e-4a77-9d4e-0c6f8f6f1a01";
const TASK = "0d9f6a52-53c5-4d0c-8d2c-7a3f3f0b2c02";

test.each([
  ["upload/dag/", 0, "folder"],
  ["result/run/x.dcm", 3, "result"],
  ["upload/dag/raw.h5", 0, "empty"],
  [`acquisition/${WORKFLOW}/${TASK}/raw.h5`, 3, "scan"],
  ["acquisition/raw.h5", 3, "key"],
  ["upload/raw.h5", 3, "key"],
  ["upload/dag/raw.h5", 3, "other"],
  ["upload/<img src=x>/raw.h5", null, "key"],
])("what to do about %s of %s bytes: %s", (key, size_bytes, advice) => {
  expect(adviseOn({ key, size_bytes })).toBe(advice);
});

test("a key names a scan only where it holds data of one", () => {
  expect(findScan(`acquisition/${WORKFLOW}/${TASK}/u/raw.h5`)).toEqual({ workflowId: WORKFLOW, taskId: TASK });
  expect(findScan(`acquisition/${WORKFLOW}/raw.h5`)).toBeNull();
});

test("the clock is compared with the server's, half way between question and answer", () => {
  const skew_s = findSkew("Sun, 29 Nov 2026 08:00:00 GMT", Date.parse("2026-11-29T08:02:00Z"), Date.parse("2026-11-29T08:02:01Z"));
  expect(skew_s).toBe(120);
  expect([judgeSkew(skew_s), judgeSkew(-59), judgeSkew(findSkew(null, 0, 0))]).toEqual(["warning", "ok", "unknown"]);
});

test("Airflow is well only with DAGs and a scheduler", () => {
  const dags = [{ dag_id: "a", dag_display_name: "A", is_paused: true, has_import_errors: false, tags: [] }];
  const listed = { dags, total_entries: 1, import_errors: [] };
  expect(judgeAirflow([], listed)).toEqual(["ok", "airflowOk"]);
  expect(judgeAirflow(["airflow"], listed)).toEqual(["failed", "airflowDown"]);
  expect(judgeAirflow([], null)).toEqual(["failed", "airflowNoList"]);
  expect(judgeAirflow([], { ...listed, dags: [] })).toEqual(["warning", "airflowNone"]);
  expect(judgeAirflow([], { ...listed, import_errors: [{ filename: "f", error: "e" }] })).toEqual(["warning", "airflowBroken"]);
  expect(findUsable(listed)).toBeNull();
});
