/** What page and worker say to each other. The token stays with the page, which asks the API. */
import type { UploadView } from "./plan";
import type { Sent, Why } from "./sender";

export type ToWorker = { is: "begin"; file: File; view: UploadView } | { is: "seen"; view: UploadView } | { is: "unseen" } | { is: "pause" } | { is: "continue" };

export type FromWorker =
  | { is: "look"; from_part: number }
  | { is: "moved"; phase: "checking" | "sending"; bytes: number; of_bytes: number }
  | { is: "sent"; sent: Sent }
  | { is: "failed"; why: Why; detail: string };
