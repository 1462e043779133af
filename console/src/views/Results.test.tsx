// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { en } from "../text/en";
import { Results } from "./Results";

const MINUTE_MS = 60_000;
let root: Root;
let page: HTMLElement;
let isAway: boolean;
let followed: string[];

const makeResult = (key: string) => ({ key, type: "NPY", size_bytes: 1, preview_key: null, preview_url: null, unavailable_reason: null, url: `https://lake.test/${key}?at=${Date.now()}` });

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.useFakeTimers({ toFake: ["Date"], now: 0 });
  isAway = false;
  followed = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    if (isAway) throw new TypeError("network");
    const isSecond = new URL(request.url).searchParams.has("cursor");
    const body = isSecond ? { results: [makeResult("r/b.npy")], next_cursor: null } : { results: [makeResult("r/a.npy")], next_cursor: "c" };
    return new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
  });
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    followed.push(this.href);
  });
  page = document.body.appendChild(document.createElement("div"));
  root = createRoot(page);
  await act(async () =>
    root.render(
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <Results dagRunId="run-1" state="SUCCEEDED" />
      </QueryClientProvider>,
    ),
  );
  await vi.waitFor(() => act(async () => expect(page.textContent).toContain("a.npy")));
  vi.setSystemTime(9 * MINUTE_MS);
  await press((each) => each.textContent === en.moreResults);
  await vi.waitFor(() => act(async () => expect(page.textContent).toContain("b.npy")));
  vi.setSystemTime(16 * MINUTE_MS);
});
afterEach(async () => {
  await act(async () => root.unmount());
  page.remove();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const press = (isIt: (button: HTMLButtonElement) => boolean) => act(async () => [...page.querySelectorAll("button")].find(isIt)?.click());
const download = (name: string) => press((each) => each.getAttribute("aria-label") === `${en.download}, ${name}`);

test.each([
  ["a.npy", "its page was read long ago", 16],
  ["b.npy", "its page was read a while ago", 9],
])("the URL of %s is followed once it is young enough: %s", async (name, _, minute) => {
  await download(name);
  await vi.waitFor(() => act(async () => expect(followed).toEqual([`https://lake.test/r/${name}?at=${minute * MINUTE_MS}`])));
});

test("an old URL that cannot be renewed is not followed, and it is said", async () => {
  isAway = true;
  await download("a.npy");
  await vi.waitFor(() => act(async () => expect(page.textContent).toContain(en.noAnswer)));
  expect(followed).toEqual([]);
});
