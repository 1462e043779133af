import { expect, test } from "vitest";
import { placeNodes } from "./layers";

const node = (id: string, ...inputs: string[]) => ({ id, inputs });

test("a task stands behind the longest way to it", () => {
  const places = placeNodes([node("d", "b", "c", "a"), node("a"), node("b", "a"), node("c", "b")]);
  expect([..."abcd"].map((id) => places.get(id)?.column)).toEqual([0, 1, 2, 3]);
});

test("tasks beside each other have rows of their own", () => {
  const places = placeNodes([node("a"), node("b", "a"), node("c", "a")]);
  expect(places.get("b")).toEqual({ column: 1, row: 0 });
  expect(places.get("c")).toEqual({ column: 1, row: 1 });
});

test.each([[[node("a", "a")]], [[node("a", "b"), node("b", "a")]], [[node("a", "gone")]]])("circles and missing inputs still have places", (nodes) => {
  expect(placeNodes(nodes).size).toBe(nodes.length);
});
