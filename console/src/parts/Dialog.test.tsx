// @vitest-environment happy-dom
import { act } from "react";
import { createRoot } from "react-dom/client";
import { expect, test, vi } from "vitest";
import { Dialog } from "./Dialog";

test.each([true, false])("a dialog that the browser closes is left if it may be (%s), else it stays", async (isLeavable) => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  const leave = vi.fn();
  const page = document.body.appendChild(document.createElement("div"));
  const root = createRoot(page);
  await act(async () =>
    root.render(
      <Dialog title="title" {...(isLeavable ? { onLeave: leave } : {})}>
        text
      </Dialog>,
    ),
  );
  const dialog = page.querySelector("dialog");
  await act(async () => dialog?.close());
  expect([leave.mock.calls.length, dialog?.open]).toEqual(isLeavable ? [1, false] : [0, true]);
  await act(async () => root.unmount());
  page.remove();
  vi.unstubAllGlobals();
});
