import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";

export type Outcome = { is: "idle" } | { is: "sending" } | { is: "done"; what: string } | { is: "failed"; error: unknown };

export interface Actions {
  outcome: Outcome;
  /** Do it once; while it is done, nothing else is. Then look anew. */
  run: (what: string, act: () => Promise<unknown>) => void;
}

export function useActions(): Actions {
  const queries = useQueryClient();
  const [outcome, setOutcome] = useState<Outcome>({ is: "idle" });
  const isBusy = useRef(false);
  const run = (what: string, act: () => Promise<unknown>): void => {
    if (isBusy.current) return;
    isBusy.current = true;
    setOutcome({ is: "sending" });
    act()
      .then(
        () => setOutcome({ is: "done", what }),
        (error: unknown) => setOutcome({ is: "failed", error }),
      )
      .finally(() => {
        isBusy.current = false;
        void queries.invalidateQueries();
      });
  };
  return { outcome, run };
}
