import { expect, test, vi } from "vitest";
import type { ResultPage } from "../api/results";
import { makeFile } from "./made";
import { findMarks, nameDirection, orderImages, type Place, type Vector } from "./place";
import { type Entry, MAX_ENTRIES, Series, type Source } from "./series";

const AXIAL = [[1, 0, 0], [0, 1, 0]] as const;
const SAGITTAL = [[0, 1, 0], [0, 0, -1]] as const;

const place = (number: number | null, position_mm: Vector | null, directions: Place["directions"] = AXIAL): { place: Place } => ({
  place: { series: "1", number, position_mm, directions },
});

const numbersOf = (items: { place: Place | null }[]): unknown[] => items.map((item) => item.place?.number);

test.each<[string, ReturnType<typeof place>[], string, unknown[]]>([
  ["along the normal", [place(1, [0, 0, 9]), place(2, [0, 0, -9]), place(3, [0, 0, 0])], "place", [2, 3, 1]],
  ["volumes one after another", [place(1, [0, 0, 1]), place(2, [0, 0, 0]), place(3, [0, 0, 1]), place(4, [0, 0, 0])], "place", [2, 1, 4, 3]],
  ["stacks one after another", [place(1, [0, 0, 5]), place(2, [7, 0, 0], SAGITTAL), place(3, [0, 0, 1]), place(4, [9, 0, 0], SAGITTAL)], "place", [3, 1, 4, 2]],
  ["by number where a place is missing", [place(3, [0, 0, 0]), place(1, null), place(2, [0, 0, 9])], "number", [1, 2, 3]],
  ["as they are where a number is missing too", [place(3, null), place(null, null), place(1, null)], "name", [3, null, 1]],
])("images are ordered %s", (_, items, by, expected) => {
  const ordered = orderImages(items);
  expect(ordered.by).toBe(by);
  expect(numbersOf(ordered.items)).toEqual(expected);
});

test("an unreadable image leaves the order to the names", () => {
  expect(orderImages<{ place: Place | null }>([place(2, [0, 0, 1]), { place: null }, place(1, [0, 0, 0])]).by).toBe("name");
});

test("directions are named by the patient, the largest part first", () => {
  expect(nameDirection([1, 0, 0])).toBe("L");
  expect(nameDirection([0, -0.8, 0.6])).toBe("AH");
  expect(findMarks(place(1, null).place)).toEqual({ left: "R", right: "L", top: "A", bottom: "P" });
  expect(findMarks(place(1, null, SAGITTAL).place)).toEqual({ left: "A", right: "P", top: "H", bottom: "F" });
});

/** A run of so many images, in pages of 100. */
function makeSource(n_images: number): Source & { fetched: string[] } {
  const fetched: string[] = [];
  return {
    fetched,
    readPage: async (cursor): Promise<ResultPage> => {
      const from = Number(cursor ?? 0);
      const to = Math.min(from + 100, n_images);
      const results = Array.from({ length: to - from }, (_, index) => {
        const key = `image-${String(from + index).padStart(5, "0")}.dcm`;
        return { type: "DICOM", key, url: key, size_bytes: 500 } as ResultPage["results"][number];
      });
      return { results, next_cursor: to < n_images ? String(to) : null };
    },
    fetchFile: async (url, n_bytes) => {
      fetched.push(url);
      const z_mm = -Number(/\d+/.exec(url)?.[0]);
      return makeFile({ changes: { "00200032": ["DS", `0\\0\\${z_mm}`] } }).subarray(0, n_bytes ?? undefined);
    },
  };
}

test("a series is ordered by place, though its names say otherwise", async () => {
  const series = new Series(makeSource(130));
  await series.open();
  const { entries, order } = series.getState();
  expect(order).toBe("place");
  expect(entries[0]?.key).toBe("image-00129.dcm");
  expect(entries).toHaveLength(130);
});

test("of ten thousand images none is fetched before it is shown", async () => {
  const source = makeSource(MAX_ENTRIES + 1);
  const series = new Series(source);
  await series.open();
  const { entries, order, isCut } = series.getState();
  expect([entries.length, order, isCut]).toEqual([MAX_ENTRIES, "name", true]);
  expect(source.fetched).toEqual([]);
  await series.load(entries[5000] as Entry);
  expect(source.fetched).toEqual(["image-05000.dcm"]);
});

test("what is shown again is not fetched again, and what is closed is forgotten", async () => {
  const source = makeSource(1);
  const series = new Series(source);
  await series.open();
  const entry = series.getState().entries[0] as Entry;
  source.fetched.length = 0;
  await Promise.all([series.load(entry), series.load(entry)]);
  await series.load(entry);
  expect(source.fetched).toHaveLength(1);
  series.close();
  expect(series.find(entry.key)).toBeUndefined();
});

test("what nobody waits for any more is not loaded", async () => {
  const signals: AbortSignal[] = [];
  const source = makeSource(2);
  source.fetchFile = async (_url, _n_bytes, signal) => {
    signals.push(signal);
    return new Promise((_, fail) => signal.addEventListener("abort", () => fail(new Error("gone"))));
  };
  const series = new Series(source);
  const [first, second] = ["a", "b"].map((key): Entry => ({ key, size_bytes: 1, cursor: null, place: null })) as [Entry, Entry];
  source.readPage = async () => ({ results: ["a", "b"].map((key) => ({ type: "DICOM", key, url: key }) as ResultPage["results"][number]), next_cursor: null });
  const loads = [series.load(first), series.load(second)].map((load) => load.catch(() => "stopped"));
  await vi.waitFor(() => expect(signals).toHaveLength(2));
  series.want([second]);
  expect(await loads[0]).toBe("stopped");
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  series.close();
});
