import { api, ApiError, findBaseUrl, unwrap } from "./client";

const MAX_WAIT_MS = 15_000;

export interface Reached {
  wait_ms: number;
  asked_ms: number;
  answered_ms: number;
  date: string | null;
  degraded: string[];
}

/** Ask for the readiness without a token, and note how and when it was answered. */
export async function reach(): Promise<Reached> {
  const asked_ms = Date.now();
  const began = performance.now();
  const response = await fetch(`${findBaseUrl(location.href)}/health/readiness`, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(MAX_WAIT_MS) });
  const wait_ms = performance.now() - began;
  if (!response.ok) throw new ApiError(response.status, []);
  const { degraded } = (await response.json()) as { degraded?: unknown };
  const names = Array.isArray(degraded) ? degraded.filter((each): each is string => typeof each === "string") : [];
  return { wait_ms, asked_ms, answered_ms: asked_ms + wait_ms, date: response.headers.get("Date"), degraded: names };
}

export interface LakeAnswer {
  host: string;
  /** 0: none came through to this page. */
  status: number;
  wait_ms: number;
}

/** Plan an upload of one byte, send it, and give it up: nothing starts. */
export async function tryLake(dag_id: string): Promise<LakeAnswer> {
  const body = { dag_id, file_name: "doctor.npy", size_bytes: 1, content_type: "application/octet-stream" };
  const { upload_id, parts } = await unwrap(api.POST("/uploads/", { body }));
  try {
    const url = parts[0]?.url ?? "";
    const began = performance.now();
    const options = { method: "PUT", body: new Uint8Array(1), credentials: "omit", signal: AbortSignal.timeout(MAX_WAIT_MS) } as const;
    const status = await fetch(url, options).then(
      (response) => response.status,
      () => 0,
    );
    return { host: new URL(url).host, status, wait_ms: performance.now() - began };
  } finally {
    await unwrap(api.DELETE("/uploads/{upload_id}/", { params: { path: { upload_id } } })).catch(() => undefined);
  }
}
