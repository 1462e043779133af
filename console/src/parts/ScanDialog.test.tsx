// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError, unwrap } from "../api/client";
import { de } from "../text/de";
import { en } from "../text/en";
import { LanguageContext } from "../text/language";
import { ScanDialog } from "./ScanDialog";

let root: Root;
let page: HTMLElement;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  page = document.body.appendChild(document.createElement("div"));
  root = createRoot(page);
});
afterEach(async () => {
  await act(async () => root.unmount());
  page.remove();
});

async function show(send: () => Promise<unknown>, language: "en" | "de" = "en"): Promise<void> {
  const scan = { workflowId: "workflow-1", deviceId: "<b>device-1</b>", attempt: 2, send };
  await act(async () =>
    root.render(
      <LanguageContext value={language}>
        <ScanDialog scan={scan} onLeave={() => undefined} />
      </LanguageContext>,
    ),
  );
}

const click = (element: Element | null | undefined) => act(async () => (element as HTMLElement).click());
const startButton = (words: string) => [...page.querySelectorAll("button")].find((each) => each.textContent === words);

test("one act does not start a scan", async () => {
  const send = vi.fn(async () => undefined);
  await show(send);
  await click(startButton(en.scanStart));
  expect(send).not.toHaveBeenCalled();
  await click(page.querySelector("input"));
  expect(send).not.toHaveBeenCalled();
});

test("both acts start it once, also by a double click, and it is named", async () => {
  const send = vi.fn(() => new Promise(() => undefined));
  await show(send);
  expect(page.textContent).toContain(en.scanDevice("<b>device-1</b>"));
  expect(page.textContent).toContain(en.scanWorkflow("workflow-1"));
  await click(page.querySelector("input"));
  const button = startButton(en.scanStart);
  await act(async () => {
    button?.click();
    button?.click();
  });
  expect(send).toHaveBeenCalledTimes(1);
  expect(startButton(en.scanStart)).toBeUndefined();
});

test("where ScanHub has nothing to scan, it says what is missing", async () => {
  await show(() => unwrap(Promise.resolve({ response: new Response(null, { status: 204 }) })));
  await click(page.querySelector("input"));
  await click(startButton(en.scanStart));
  expect(page.textContent).toContain(en.scanEmpty);
  expect(page.textContent).not.toContain(en.refused);
  expect(startButton(en.scanStart)).toBeUndefined();
});

test("where nobody knows what happened, it says so and offers no second start", async () => {
  await show(() => Promise.reject(new ApiError(504, ["The answer took too long."])), "de");
  await click(page.querySelector("input"));
  await click(startButton(de.scanStart));
  expect(page.textContent).toContain(de.scanUnclear);
  expect(page.textContent).toContain("The answer took too long.");
  expect(startButton(de.scanStart)).toBeUndefined();
});
