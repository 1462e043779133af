/** Reads, compares and sends a file beside the page, so that neither waits for the other. */
import { makeHasher } from "./crc";
import type { FromWorker, ToWorker } from "./messages";
import type { UploadView } from "./plan";
import { putPart } from "./put";
import { Sender, UploadError } from "./sender";

// A browser opens six connections to a host; one is left for what a page asks.
const N_AT_ONCE = 5;
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 20_000;
const TELL_EVERY_MS = 250;

let sender: Promise<Sender> | null = null;
let running: Promise<void> = Promise.resolve();
let pause = new AbortController();
let asked: { resolve: (view: UploadView) => void; reject: (error: UploadError) => void } | null = null;
let told_ms = 0;

const say = (message: FromWorker): void => postMessage(message);

function tell(phase: "checking" | "sending", bytes: number, of_bytes: number): void {
  if (bytes < of_bytes && performance.now() - told_ms < TELL_EVERY_MS) return;
  told_ms = performance.now();
  say({ is: "moved", phase, bytes, of_bytes });
}

function look(from_part: number): Promise<UploadView> {
  return new Promise((resolve, reject) => {
    asked = { resolve, reject };
    say({ is: "look", from_part });
  });
}

/** Wait longer after each failure; those who failed together do not come back together. */
function wait(n_failed: number, signal: AbortSignal): Promise<void> {
  const longest_ms = Math.min(FIRST_WAIT_MS * 2 ** (n_failed - 1), MAX_WAIT_MS);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, longest_ms * Math.random());
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });
}

async function prepare(file: File, view: UploadView): Promise<Sender> {
  const hashers = await Promise.all(Array.from({ length: N_AT_ONCE }, makeHasher)).catch(() => {
    // Some browsers have no WebAssembly in their strictest mode.
    throw new UploadError("unable");
  });
  return new Sender(file, view, { hashers, put: putPart, look, wait, tell });
}

async function run(signal: AbortSignal): Promise<void> {
  try {
    const sent = await (await sender)?.run(signal);
    if (sent) say({ is: "sent", sent });
  } catch (error) {
    if (signal.aborted) return;
    const { why, detail } = error instanceof UploadError ? error : new UploadError("interrupted");
    say({ is: "failed", why, detail });
  }
}

function goOn(): void {
  pause = new AbortController();
  const { signal } = pause;
  // What was paused may still be ending.
  running = running.then(() => run(signal));
}

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.is === "begin") sender = prepare(data.file, data.view);
  if (data.is === "begin" || data.is === "continue") goOn();
  if (data.is === "pause") pause.abort();
  if (data.is === "seen") asked?.resolve(data.view);
  if (data.is === "unseen") asked?.reject(new UploadError("interrupted"));
});
