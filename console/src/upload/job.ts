/** The upload of this page: outside all views, so that it goes on whatever one looks at. */
import { api, ApiError, unwrap } from "../api/client";
import { getSession, onOtherUser, subscribe as onSession } from "../api/session";
import type { FromWorker, ToWorker } from "./messages";
import { chooseWindow, type UploadView } from "./plan";
import { Meter } from "./rate";
import type { Sent, Why } from "./sender";

export type Target = { dag_id: string } | { task_id: string };
export type Phase = "planning" | "checking" | "sending" | "paused" | "joining" | "done" | "failed";

export interface Job {
  phase: Phase;
  file_name: string;
  size_bytes: number;
  upload_id: string | null;
  /** Of `of_bytes`: what was compared while checking, else what has gone out. */
  bytes: number;
  of_bytes: number;
  rate_bytes_per_s: number;
  why: Why | "api" | null;
  /** Sentences of others. */
  lines: readonly string[];
  dag_run_id: string | null;
  workflow_id: string | null;
}

const N_ATTEMPTS = 8;
const MAX_WAIT_MS = 30_000;
// To be told what has become of an upload that is completed: nothing is compared any more.
const ASKING = { parts: [{ part_number: 1, etag: "completed" }] };
const RUNNING: readonly Phase[] = ["planning", "checking", "sending", "paused", "joining"];

let job: Job | null = null;
let worker: Worker | null = null;
let view: UploadView | null = null;
// Counts uploads: the answer to a question of a former one is for nobody.
let turn = 0;
const meter = new Meter();
const listeners = new Set<() => void>();

export const getJob = (): Job | null => job;
export const isRunning = (): boolean => job !== null && RUNNING.includes(job.phase);
export const mayGoOn = (): boolean => job !== null && (job.phase === "paused" || (job.phase === "failed" && worker !== null));

export function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

function change(fields: Partial<Job>): void {
  if (job) job = { ...job, ...fields };
  for (const tell of listeners) tell();
}

const warn = (event: BeforeUnloadEvent): void => event.preventDefault();

function watchLeaving(): void {
  if (isRunning() || mayGoOn()) addEventListener("beforeunload", warn);
  else removeEventListener("beforeunload", warn);
}
subscribe(watchLeaving);

function say(message: ToWorker): void {
  worker?.postMessage(message);
}

function stopWorker(): void {
  worker?.terminate();
  worker = null;
  view = null;
}

/** Leave it where it is: what has arrived stays in S3. */
export function forget(): void {
  stopWorker();
  turn += 1;
  job = null;
  change({});
}

// Whoever logs out leaves nothing behind, and nobody sees another's upload. A login that ended is another thing.
onOtherUser(() => {
  if (job) forget();
});

addEventListener("online", () => {
  if (job?.phase === "failed" && job.why === "interrupted") goOn();
});

function untilLoggedIn(): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (getSession().status !== "in") return;
      stop();
      resolve();
    };
    const stop = onSession(look);
    look();
  });
}

/** Ask the API as often as it takes, also over an end of the login; null: it is for nobody any more. */
async function askFor<T>(call: () => Promise<T>): Promise<T | null> {
  const mine = turn;
  for (let n_failed = 0; ; ) {
    await untilLoggedIn();
    if (mine !== turn) return null;
    try {
      const answer = await call();
      return mine === turn ? answer : null;
    } catch (error) {
      if (mine !== turn) return null;
      if (getSession().status !== "in") continue;
      n_failed += 1;
      // A login that was renewed meanwhile: the answer was to the one before.
      const isPassing = error instanceof ApiError && (error.isUnclear || error.status === 401);
      if (!isPassing || n_failed >= N_ATTEMPTS) throw error;
      const wait_ms = Math.min(1_000 * 2 ** (n_failed - 1), MAX_WAIT_MS) * Math.random();
      await new Promise((resolve) => setTimeout(resolve, wait_ms));
    }
  }
}

const isUnclear = (error: unknown): boolean => !(error instanceof ApiError) || error.isUnclear;

function fail(error: unknown): void {
  // A refusal of the API ends it; without an answer, the same may be tried again.
  if (!isUnclear(error)) stopWorker();
  change({ phase: "failed", why: isUnclear(error) ? "interrupted" : "api", lines: error instanceof ApiError ? error.lines : [] });
}

function launch(file: File, planned: UploadView): void {
  view = planned;
  change({ upload_id: planned.upload_id, phase: planned.present.length > 0 ? "checking" : "sending", bytes: 0, of_bytes: planned.size_bytes });
  worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => hear(data);
  // Its file did not come, or the browser ended it.
  worker.onerror = () => {
    stopWorker();
    fail(null);
  };
  say({ is: "begin", file, view: planned });
}

function hear(message: FromWorker): void {
  if (message.is === "look") void look(message.from_part);
  if (message.is === "moved") moved(message.phase, message.bytes, message.of_bytes);
  if (message.is === "sent") void complete(message.sent);
  if (message.is === "failed") {
    if (message.why !== "interrupted") stopWorker();
    change({ phase: "failed", why: message.why, lines: message.detail ? [message.detail] : [] });
  }
}

function moved(phase: "checking" | "sending", bytes: number, of_bytes: number): void {
  if (job?.phase !== "checking" && job?.phase !== "sending") return;
  if (phase !== job.phase) meter.reset();
  change({ phase, bytes, of_bytes, rate_bytes_per_s: meter.note(bytes, performance.now()) });
}

async function look(from_part: number): Promise<void> {
  const planned = view;
  if (!planned || !job) return;
  const { upload_id } = planned;
  const query = { from_part, limit: chooseWindow(planned, job.rate_bytes_per_s) };
  try {
    const seen = await askFor(() => unwrap(api.GET("/uploads/{upload_id}/", { params: { path: { upload_id }, query } })));
    if (seen?.state === "COMPLETED") await complete(ASKING);
    else if (seen) say({ is: "seen", view: seen });
  } catch (error) {
    if (isUnclear(error)) say({ is: "unseen" });
    else fail(error);
  }
}

/** S3 compares the CRC-64/NVME of the whole. Again, the same call finds it completed. */
async function complete(body: Pick<Sent, "parts"> & Partial<Sent>): Promise<void> {
  const upload_id = job?.upload_id;
  if (!upload_id) return;
  change({ phase: "joining" });
  try {
    const done = await askFor(() => unwrap(api.POST("/uploads/{upload_id}/complete/", { params: { path: { upload_id } }, body })));
    if (!done) return;
    stopWorker();
    change({ phase: "done", dag_run_id: done.dag_run_id, workflow_id: done.workflow_id ?? null });
  } catch (error) {
    fail(error);
  }
}

function begin(file: File): void {
  forget();
  meter.reset();
  job = {
    phase: "planning",
    file_name: file.name,
    size_bytes: file.size,
    upload_id: null,
    bytes: 0,
    of_bytes: file.size,
    rate_bytes_per_s: 0,
    why: null,
    lines: [],
    dag_run_id: null,
    workflow_id: null,
  };
  change({});
}

/** Plan an upload and send the file. */
export async function start(file: File, target: Target): Promise<void> {
  begin(file);
  // Sent again, the same request begins no second upload. There is no randomUUID over plain HTTP.
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const body = { file_name: file.name, size_bytes: file.size, content_type: "application/octet-stream", ...target };
  const options = { params: { header: { "Idempotency-Key": key } }, body };
  try {
    const planned = await askFor(() => unwrap(api.POST("/uploads/", options)));
    if (planned) launch(file, planned);
  } catch (error) {
    fail(error);
  }
}

/** Go on with an upload that was begun here or elsewhere. */
export async function resume(file: File, upload_id: string): Promise<void> {
  begin(file);
  try {
    const planned = await askFor(() => unwrap(api.GET("/uploads/{upload_id}/", { params: { path: { upload_id } } })));
    if (!planned) return;
    change({ upload_id });
    if (planned.state === "COMPLETED") await complete(ASKING);
    else if (planned.state === "ABORTED") change({ phase: "failed", why: "closed" });
    else launch(file, planned);
  } catch (error) {
    fail(error);
  }
}

export function pause(): void {
  say({ is: "pause" });
  change({ phase: "paused", rate_bytes_per_s: 0 });
}

export function goOn(): void {
  if (!mayGoOn()) return;
  meter.reset();
  change({ phase: "sending", why: null, lines: [] });
  say({ is: "continue" });
}

export async function abort(upload_id: string): Promise<void> {
  if (job?.upload_id === upload_id) forget();
  await unwrap(api.DELETE("/uploads/{upload_id}/", { params: { path: { upload_id } } }));
}
