import type { ReactNode } from "react";
import type { WorkflowEvent } from "../api/types";
import { Foreign, State, Time } from "../parts/Small";
import { useText } from "../text/language";

/** The audit trail, newest first: who changed what, when and why. */
export function Trail({ events }: { events: readonly WorkflowEvent[] }): ReactNode {
  const text = useText();
  return (
    <div className="wide" tabIndex={0} role="group" aria-label={text.trail}>
      <table>
        <thead>
          <tr>
            {[text.at, text.what, text.change, text.reason, text.who].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {events.toReversed().map((event) => (
            <tr key={event.event_id}>
              <td>
                <Time at={event.at} />
              </td>
              <td>
                <Foreign>{event.entity.replace(/^(\w+:.{8}).*$/, "$1…")}</Foreign>
              </td>
              <td>
                <State state={event.to_state} /> <code>{event.name}</code>
              </td>
              <td lang="en">{event.reason && <Foreign>{event.reason}</Foreign>}</td>
              <td>
                <Foreign>{event.actor}</Foreign>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
