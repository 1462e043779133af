import createClient from "openapi-fetch";
import type { paths } from "./schema";
import { end, getToken, onOtherUser } from "./session";
import type { Problem } from "./types";

/** The API's base URL: the page is served one level below it, whatever stands before. */
export function findBaseUrl(pageUrl: string): string {
  return new URL("..", pageUrl.split(/[?#]/)[0]).href.replace(/\/$/, "");
}

interface Known {
  etag: string;
  body: string;
}

const MAX_KNOWN = 50;
const MAX_WAIT_MS = 35_000;
// Answers that may be asked for again with their tag. In memory: the browser's own cache is a file.
const known = new Map<string, Known>();

onOtherUser(() => known.clear());

async function keep(url: string, response: Response): Promise<Response> {
  const etag = response.headers.get("ETag");
  if (!etag || response.status !== 200) return response;
  const body = await response.text();
  known.delete(url);
  known.set(url, { etag, body });
  for (const oldest of [...known.keys()].slice(0, -MAX_KNOWN)) known.delete(oldest);
  return new Response(body, { status: 200, headers: response.headers });
}

/** Fetch with the token and with the tag of the answer that is here, whose 304 becomes that answer. */
export async function ask(request: Request): Promise<Response> {
  const usedToken = getToken();
  const headers = new Headers(request.headers);
  headers.set("Authorization", `Bearer ${usedToken}`);
  const before = request.method === "GET" ? known.get(request.url) : undefined;
  if (before) headers.set("If-None-Match", before.etag);
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(MAX_WAIT_MS)]);
  const options: RequestInit = { headers, signal, cache: "no-store", credentials: "omit", redirect: "error" };
  const response = await fetch(new Request(request, options));
  if (response.status === 304 && before) {
    // It may come with a newer tag, which saves the API the next reads.
    before.etag = response.headers.get("ETag") ?? before.etag;
    return new Response(before.body, { status: 200, headers: { "Content-Type": "application/json" } });
  }
  if (isLoginOver(response)) end(usedToken);
  // What comes for a login before this one may be another user's.
  const isKept = request.method === "GET" && usedToken === getToken();
  return isKept ? keep(request.url, response) : response;
}

/** A gateway's own 403 is about the token; ours, about a role, is a problem. */
function isLoginOver(response: Response): boolean {
  const type = response.headers.get("Content-Type") ?? "";
  return response.status === 401 || (response.status === 403 && !type.includes("problem+json"));
}

export const api = createClient<paths>({ baseUrl: findBaseUrl(location.href), fetch: ask });

/** An answer that is an error, in words for a person. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly lines: string[],
  ) {
    super(lines[0] ?? "");
  }

  /** Whether what was asked for may have happened all the same. */
  get isUnclear(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

/** What was shown is so no more, and nothing was sent. */
export class ChangedError extends ApiError {
  constructor() {
    super(409, []);
  }
}

/** All sentences of a problem; what is no problem has none. */
export function readProblem(body: unknown): string[] {
  if (typeof body !== "object" || body === null) return [];
  const problem = body as Partial<Problem>;
  const detail = Array.isArray(problem.detail) ? problem.detail.map(({ msg }) => msg) : [problem.detail];
  const ofTasks = (problem.tasks ?? []).flatMap((task) => task.problems.map((each) => `${task.task_id}: ${each}`));
  const lines = [...detail, problem.reason, ...(problem.problems ?? []), ...ofTasks];
  return lines.filter((line): line is string => typeof line === "string" && line !== "");
}

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Return the data of an answer, or throw an `ApiError`. */
export async function unwrap<T>(answer: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await answer.catch(() => {
    throw new ApiError(0, []);
  });
  if (!response.ok || data === undefined) throw new ApiError(response.status, readProblem(error));
  return data;
}
