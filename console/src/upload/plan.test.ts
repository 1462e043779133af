// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { chooseWindow, findMisfit, findPart } from "./plan";
import { readDags } from "./queries";
import { Meter } from "./rate";

const PLAN = { size_bytes: 40, part_size_bytes: 16, n_parts: 3 };

test("only the last part is shorter", () => {
  expect([1, 2, 3].map((number) => findPart(PLAN, number))).toEqual([
    { from: 0, to: 16, size_bytes: 16 },
    { from: 16, to: 32, size_bytes: 16 },
    { from: 32, to: 40, size_bytes: 8 },
  ]);
});

test.each([
  [0, 100],
  [10_000_000, 715],
  [1e9, 1_000],
])("at %i bytes a second, URLs for %i parts of 16 MiB are asked for", (rate, n) => {
  expect(chooseWindow({ ...PLAN, part_size_bytes: 2 ** 24 }, rate)).toBe(n);
});

test.each([
  [0, false, null, "empty"],
  [4096, true, null, "folder"],
  [41, false, PLAN, "size"],
  [40, false, PLAN, null],
])("a file may be sent or not, before it is read (%#)", (size, isFolder, upload, misfit) => {
  expect(findMisfit({ size }, isFolder, upload)).toBe(misfit);
});

test("the rate is that of the last ten seconds, and never below zero", () => {
  const meter = new Meter();
  expect(meter.note(0, 0)).toBe(0);
  expect(meter.note(1_000, 1_000)).toBe(1_000);
  expect(meter.note(1_000, 30_000)).toBe(0);
  expect(meter.note(500, 31_000)).toBe(0);
});

test("the DAGs are read in the shape of either contract", () => {
  const dags = [{ dag_id: "a", dag_display_name: "A", is_paused: false, has_import_errors: false, tags: [] }];
  const listed = { dags, total_entries: 1, import_errors: [] };
  expect(readDags(dags)).toEqual(listed);
  expect(readDags({ tasks: listed })).toEqual(listed);
});
