import type { Answer } from "./sender";

// Nothing has moved for so long: the connection is dead. S3 may take its time after the last byte.
const STALLED_MS = 90_000;
// However slowly it moves: a URL works for an hour.
const MAX_MS = 60 * 60_000;

/** PUT a part; by XMLHttpRequest, for fetch does not tell what has gone out. */
export function putPart(url: string, blob: Blob, onProgress: (sent_bytes: number) => void, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = (): void => request.abort();
    let stalled = setTimeout(stop, STALLED_MS);
    const finish = (answer: Answer): void => {
      clearTimeout(stalled);
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(signal.reason);
      else resolve(answer);
    };
    request.upload.onprogress = ({ loaded }) => {
      clearTimeout(stalled);
      stalled = setTimeout(stop, STALLED_MS);
      onProgress(loaded);
    };
    request.onload = () => finish({ status: request.status, code: readCode(request.responseText) });
    request.onerror = request.onabort = request.ontimeout = () => finish({ status: 0, code: "" });
    signal.addEventListener("abort", stop);
    request.open("PUT", url);
    request.timeout = MAX_MS;
    // Without further headers: S3 takes only those that the URL was signed with.
    request.send(blob);
    if (signal.aborted) stop();
  });
}

/** The code alone: what else S3 says of a bad signature is how to make one. */
function readCode(body: string): string {
  return /<Code>(\w{1,64})<\/Code>/.exec(body)?.[1] ?? "";
}
