import { expect, test } from "vitest";
import { BUSY_MS, IDLE_MS, pollAfter, touch, UNTOUCHED_MS } from "./polling";

test("the page asks often while something is under way, and not at all when nobody is there", () => {
  touch(0);
  expect(pollAfter(true, 1)).toBe(BUSY_MS);
  expect(pollAfter(false, 1)).toBe(IDLE_MS);
  expect(pollAfter(true, UNTOUCHED_MS + 1)).toBe(false);
  touch(UNTOUCHED_MS + 2);
  expect(pollAfter(false, UNTOUCHED_MS + 3)).toBe(IDLE_MS);
});
