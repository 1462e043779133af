import type { ReactNode } from "react";
import { useText } from "../text/language";
import type { Outcome } from "../views/useActions";
import { Failure } from "./Small";

/** What came of the last action. */
export function OutcomeLine({ outcome }: { outcome: Outcome }): ReactNode {
  const text = useText();
  return (
    <div role="status">
      {outcome.is === "sending" && <p>{text.sending}</p>}
      {outcome.is === "done" && <p>{text.done(outcome.what)}</p>}
      {outcome.is === "failed" && <Failure error={outcome.error} />}
    </div>
  );
}
