import { type ReactNode, useRef, useState } from "react";
import { ApiError, ChangedError } from "../api/client";
import { useText } from "../text/language";
import { Dialog } from "./Dialog";
import { Foreign, Said } from "./Small";

export interface Scan {
  workflowId: string;
  deviceId: string | null;
  attempt: number;
  /** Sends the start. It is called once. */
  send: () => Promise<unknown>;
}

type Phase = { is: "asking" } | { is: "sending" } | { is: "sent" } | { is: "changed" } | { is: "empty" } | { is: "refused" | "unclear"; lines: string[] };

/** Two acts start a scan: to say that one is at the device, and to press. Neither has a shortcut. */
export function ScanDialog({ scan, onLeave, children }: { scan: Scan; onLeave: () => void; children?: ReactNode }): ReactNode {
  const text = useText();
  const [isThere, setThere] = useState(false);
  const [phase, setPhase] = useState<Phase>({ is: "asking" });
  // A second click can come before the page has drawn the first.
  const wasSent = useRef(false);
  const start = (): void => {
    if (!isThere || wasSent.current) return;
    wasSent.current = true;
    setPhase({ is: "sending" });
    scan.send().then(
      () => setPhase({ is: "sent" }),
      (error: unknown) => {
        if (error instanceof ChangedError) return setPhase({ is: "changed" });
        // As ScanHub says, since 2026-02, that an acquisition has nothing to scan.
        if (error instanceof ApiError && error.status === 204) return setPhase({ is: "empty" });
        const isUnclear = !(error instanceof ApiError) || error.isUnclear;
        setPhase({ is: isUnclear ? "unclear" : "refused", lines: error instanceof ApiError ? error.lines : [] });
      },
    );
  };
  return (
    <Dialog title={text.scanTitle} onLeave={onLeave}>
      <p>
        <strong>{scan.deviceId === null ? text.scanDeviceUnknown : <Foreign>{text.scanDevice(scan.deviceId)}</Foreign>}</strong>
      </p>
      <p>
        <Foreign>{text.scanWorkflow(scan.workflowId)}</Foreign>
      </p>
      <p>{text.scanAttempt(scan.attempt)}</p>
      {children}
      {phase.is === "asking" && (
        <label className="act">
          <input type="checkbox" checked={isThere} onChange={(event) => setThere(event.target.checked)} /> {text.scanAct}
        </label>
      )}
      <div role="status">
        {phase.is === "sending" && <p>{text.sending}</p>}
        {phase.is === "sent" && <p>{text.scanSent}</p>}
        {phase.is === "changed" && <p className="failure">{text.plan.changed}</p>}
        {phase.is === "empty" && <p className="failure">{text.scanEmpty}</p>}
        {phase.is === "unclear" && <p className="failure">{text.scanUnclear}</p>}
        {phase.is === "refused" && <p className="failure">{text.refused}</p>}
        {"lines" in phase && <Said lines={phase.lines} />}
      </div>
      <div className="buttons">
        <button type="button" onClick={onLeave}>
          {phase.is === "asking" ? text.cancelDialog : text.close}
        </button>
        {phase.is === "asking" && (
          <button type="button" className="danger" disabled={!isThere} onClick={start} onKeyDown={(event) => event.repeat && event.preventDefault()}>
            {text.scanStart}
          </button>
        )}
      </div>
    </Dialog>
  );
}
