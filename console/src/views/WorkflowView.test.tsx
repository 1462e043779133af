// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { begin, logOut } from "../api/session";
import { en } from "../text/en";
import { WorkflowView } from "./WorkflowView";

let root: Root;
let page: HTMLElement;
let sent: string[];
let wouldStart: string[];
let events: object[];

const task = { status: "PENDING", progress: 0, attempt: 0, input_task_ids: [], updated_at: "2026-11-29T10:00:00Z" };
const tasks = [
  { ...task, task_id: "scan-1", task_type: "DEVICE_TASK_SIMULATOR", device_id: "device-1" },
  { ...task, task_id: "dag-1", task_type: "RECONSTRUCTION_TASK" },
];
const UNCHECKED = "Not checked: Airflow did not answer in time.";

const makeEvent = (event_id: string, name: string) => ({ event_id, name, entity: "task:dag-1", at: "2026-11-29T10:00:00Z", from_state: null, to_state: "PENDING", actor: "ada", reason: "" });

function answer(path: string): unknown {
  if (path.endsWith("/me/")) return { username: "ada", role: "admin", permissions: ["validate_workflow", "process_workflow"], ends_at: null };
  if (path.endsWith("/validate/")) {
    const planned = tasks.map((each) => ({ ...each, problems: each.task_id === "dag-1" ? [UNCHECKED] : [] }));
    return { is_valid: false, would_start: wouldStart, problems: [], tasks: planned };
  }
  if (path.endsWith("/events/")) return { events: [makeEvent("1", "define"), makeEvent("2", "claim"), makeEvent("3", "reset")], next_cursor: null };
  return { workflow_id: "w", status: "pending", tasks, events, updated_at: "2026-11-29T10:00:00Z" };
}

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  sent = [];
  events = [makeEvent("2", "claim")];
  vi.stubGlobal("fetch", async (request: Request) => {
    const path = new URL(request.url).pathname;
    if (request.method === "POST") sent.push(path.split("/").filter(Boolean).at(path.endsWith("/validate/") ? -1 : -2) ?? "");
    return new Response(JSON.stringify(answer(path)), { headers: { "Content-Type": "application/json" } });
  });
  begin("token-1", "ada");
  page = document.body.appendChild(document.createElement("div"));
  root = createRoot(page);
  await act(async () =>
    root.render(
      <QueryClientProvider client={new QueryClient()}>
        <WorkflowView id="w" />
      </QueryClientProvider>,
    ),
  );
});
afterEach(async () => {
  await act(async () => root.unmount());
  page.remove();
  logOut();
  vi.unstubAllGlobals();
});

/** The last one of these words: a dialog stands behind the page. */
const find = async (words: string): Promise<HTMLElement> => {
  const look = () => [...page.querySelectorAll("button")].findLast((each) => each.textContent === words);
  await vi.waitFor(() => act(async () => expect(look()).toBeDefined()));
  return look() as HTMLElement;
};
const press = async (words: string): Promise<void> => {
  const button = await find(words);
  await act(async () => button.click());
};

test("a scan takes both acts also where not all could be checked", async () => {
  wouldStart = ["scan-1"];
  await press(`${en.process} …`);
  const start = await find(en.scanStart);
  expect(page.querySelector("dialog")?.textContent).toContain(UNCHECKED);
  await act(async () => start.click());
  expect(sent).not.toContain("process");
  await act(async () => page.querySelector<HTMLElement>("dialog input")?.click());
  await act(async () => start.click());
  await vi.waitFor(() => act(async () => expect(sent).toEqual(["validate", "validate", "process"])));
});

test("a scan that became ready after the plan was shown does not start with one act", async () => {
  wouldStart = ["dag-1"];
  await press(`${en.process} …`);
  await find(en.process);
  wouldStart = ["scan-1"];
  await press(en.process);
  await vi.waitFor(() => act(async () => expect(page.textContent).toContain(en.plan.changed)));
  expect(sent).toEqual(["validate", "validate"]);
});

test("another scan than the one that is shown does not start with both acts", async () => {
  wouldStart = ["scan-1"];
  await press(`${en.process} …`);
  const start = await find(en.scanStart);
  wouldStart = ["scan-2"];
  await act(async () => page.querySelector<HTMLElement>("dialog input")?.click());
  await act(async () => start.click());
  await vi.waitFor(() => act(async () => expect(page.querySelector("dialog")?.textContent).toContain(en.plan.changed)));
  expect(sent).toEqual(["validate", "validate"]);
});

test("what happens after the older lines were read is shown behind them, each line once", async () => {
  await press(en.olderTrail);
  await vi.waitFor(() => act(async () => expect(page.textContent).toContain("reset")));
  events = [makeEvent("3", "reset"), makeEvent("4", "finish")];
  await press(en.validate);
  const names = () => [...page.querySelectorAll("tbody code")].map(({ textContent }) => textContent);
  await vi.waitFor(() => act(async () => expect(names()).toEqual(["finish", "reset", "claim", "define"])));
});
