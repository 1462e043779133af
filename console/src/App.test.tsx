// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "./App";
import { pollAfter, touch, UNTOUCHED_MS } from "./api/polling";
import { begin, end, getSession, logOut } from "./api/session";
import { en } from "./text/en";

let root: Root;
let page: HTMLElement;
let asked: string[];
let isAnswering: boolean;
let answerCookie: () => Response;

const run = { dag_run_id: "run-of-ada", dag_id: "dag-of-ada", state: "FAILED", reason: "reason of ada", created_at: "2026-11-29T10:00:00Z" };
const answers: Record<string, unknown> = {
  "/workflows/": { workflows: [], next_cursor: null },
  "/dag_runs/": { dag_runs: [run], next_cursor: null },
  "/me/": { username: "ada", role: "admin", permissions: [], ends_at: null },
  "/health/readiness": { status: "ok", degraded: [] },
};

const goBehindGateway = (): void =>
  (window as unknown as { happyDOM: { setURL: (url: string) => void } }).happyDOM.setURL("https://scanhub.test/api/v1/workflowmanager/console/");

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  asked = [];
  isAnswering = true;
  vi.stubGlobal("fetch", async (request: Request | string) => {
    if (typeof request === "string") return answerCookie();
    const path = Object.keys(answers).find((each) => new URL(request.url).pathname.endsWith(each)) ?? "";
    asked.push(path);
    return isAnswering ? new Response(JSON.stringify(answers[path])) : new Promise<Response>(() => undefined);
  });
  page = document.body.appendChild(document.createElement("div"));
  root = createRoot(page);
  const queries = new QueryClient({ defaultOptions: { queries: { enabled: () => getSession().status === "in", retry: false } } });
  await act(async () =>
    root.render(
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>,
    ),
  );
  await act(async () => begin("token-1", "ada"));
  await vi.waitFor(() => act(async () => expect(page.textContent).toContain("reason of ada")));
});
afterEach(async () => {
  await act(async () => logOut());
  await act(async () => root.unmount());
  page.remove();
  touch();
  vi.unstubAllGlobals();
});

test("who logs in again sees the page as it was, and another user nothing of it", async () => {
  isAnswering = false;
  await act(async () => end());
  expect(page.textContent).toContain("reason of ada");
  await act(async () => begin("token-2", "ada"));
  expect(page.textContent).toContain("reason of ada");
  await act(async () => end());
  await act(async () => begin("token-3", "bob"));
  expect(page.textContent).not.toContain("ada");
  expect(page.textContent).toContain("bob");
});

test("whatever one touches ends the pause, and the page asks again", async () => {
  await act(async () => {
    touch(0);
    pollAfter(false, UNTOUCHED_MS + 1);
  });
  expect(page.textContent).toContain(en.paused);
  asked = [];
  await act(async () => dispatchEvent(new Event("pointerdown")));
  expect(page.textContent).not.toContain(en.paused);
  await vi.waitFor(() => act(async () => expect(asked).toContain("/workflows/")));
});

test("who has logged in anew at ScanHub comes back to the page as it was, and who has logged out does not", async () => {
  goBehindGateway();
  answerCookie = () => new Response(JSON.stringify({ access_token: "token-2", username: "ada" }));
  await act(async () => end());
  await act(async () => dispatchEvent(new Event("focus")));
  await vi.waitFor(() => act(async () => expect(getSession().status).toBe("in")));
  expect(page.textContent).toContain("reason of ada");
  await act(async () => logOut());
  await act(async () => dispatchEvent(new Event("focus")));
  expect(getSession().status).toBe("out");
});

test.each([200, 401])("a late answer to the cookie, %i, changes no login by name", async (status) => {
  goBehindGateway();
  answerCookie = () => {
    begin("token-2", "bob");
    return new Response(JSON.stringify({ access_token: "token-3", username: "eve" }), { status });
  };
  await act(async () => end());
  await act(async () => dispatchEvent(new Event("focus")));
  expect(getSession()).toMatchObject({ status: "in", username: "bob" });
});
