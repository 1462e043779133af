// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act } from "react";
import { createRoot } from "react-dom/client";
import { expect, test, vi } from "vitest";
import { begin, logOut } from "../api/session";
import { en } from "../text/en";
import { Now } from "./Now";

const task = { task_id: "dag-1", task_type: "RECONSTRUCTION_TASK", status: "IN_PROGRESS", progress: 5, input_task_ids: [], deadline: "1970-01-01T01:00:00Z" };
const workflow = { workflow_id: "w", exam_id: null, status: "running", updated_at: "1970-01-01T00:00:00Z", tasks: [task] };
const answer = { workflows: [workflow], next_cursor: null, dag_runs: [], status: "ok", degraded: [] };

test("what passes its deadline needs somebody, though nothing has changed", async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.useFakeTimers({ toFake: ["Date"], now: 0 });
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify(answer)));
  begin("token-1", "ada");
  const page = document.body.appendChild(document.createElement("div"));
  const root = createRoot(page);
  const queries = new QueryClient();
  await act(async () =>
    root.render(
      <QueryClientProvider client={queries}>
        <Now />
      </QueryClientProvider>,
    ),
  );
  await vi.waitFor(() => act(async () => expect(page.textContent).toContain(en.active)));
  expect(page.textContent).not.toContain(en.why.overdue);

  vi.setSystemTime(3_601_000);
  await act(async () => queries.invalidateQueries());
  await vi.waitFor(() => act(async () => expect(page.textContent).toContain(en.why.overdue)));

  await act(async () => root.unmount());
  page.remove();
  logOut();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
