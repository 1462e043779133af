// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api, ApiError, ask, findBaseUrl, readProblem, unwrap } from "./client";
import { begin, getSession, logOut } from "./session";

const URL_ = "https://api.test/api/v1/workflowmanager/workflows/";
const sent: Request[] = [];

function serve(...answers: Response[]): void {
  vi.stubGlobal("fetch", async (request: Request) => {
    sent.push(request);
    return answers.length > 1 ? answers.shift() : answers[0]?.clone();
  });
}

beforeEach(() => {
  sent.length = 0;
  begin("token-1", "operator");
});
afterEach(() => {
  vi.unstubAllGlobals();
  logOut();
});

test.each(["https://h/api/v1/workflowmanager", "http://127.0.0.1:4566/restapis/a/api/_user_request_/v1/workflowmanager"])("the API is one level above the page", (base) => {
  expect(findBaseUrl(`${base}/console/#/workflows/1`)).toBe(base);
  expect(findBaseUrl(`${base}/console/?x=1`)).toBe(base);
});

test("a 304 is the answer that came with its tag", async () => {
  serve(new Response('{"a":1}', { headers: { ETag: 'W/"1"' } }), new Response(null, { status: 304 }));
  await ask(new Request(URL_));
  const again = await ask(new Request(URL_));
  expect(sent[1]?.headers.get("If-None-Match")).toBe('W/"1"');
  expect([again.status, await again.json()]).toEqual([200, { a: 1 }]);
});

test("a 304 may come with a newer tag, with which the next one is asked for", async () => {
  const unchanged = () => new Response(null, { status: 304, headers: { ETag: 'W/"2"' } });
  serve(new Response('{"a":1}', { headers: { ETag: 'W/"1"' } }), unchanged(), unchanged());
  for (let n = 0; n < 3; n++) await ask(new Request(URL_));
  expect(sent.map(({ headers }) => headers.get("If-None-Match"))).toEqual([null, 'W/"1"', 'W/"2"']);
});

test.each([
  [401, "application/problem+json", "out"],
  [403, "application/json", "out"],
  [403, "application/problem+json", "in"],
  [500, "application/json", "in"],
])("a login is over by %i of %s: %s", async (status, type, expected) => {
  serve(new Response("{}", { status, headers: { "Content-Type": type } }));
  await ask(new Request(URL_));
  expect(getSession().status).toBe(expected);
});

test("an answer to an older token ends no newer login", async () => {
  vi.stubGlobal("fetch", async () => {
    begin("token-2", "operator");
    return new Response("{}", { status: 401 });
  });
  await ask(new Request(URL_));
  expect(getSession().status).toBe("in");
});

test("nobody is given the answers to another user, not even one that comes late", async () => {
  const tagged = (body: string) => new Response(body, { headers: { ETag: 'W/"1"' } });
  serve(tagged('"of ada"'), tagged('"of bob"'));
  await ask(new Request(URL_));
  begin("token-2", "bob");
  await ask(new Request(URL_));
  vi.stubGlobal("fetch", async () => {
    begin("token-3", "eve");
    return tagged('"of bob"');
  });
  await ask(new Request(`${URL_}late`));
  serve(tagged('"of eve"'));
  await ask(new Request(`${URL_}late`));
  expect(sent.map(({ headers }) => headers.get("If-None-Match"))).toEqual([null, null, null]);
});

test("an end by itself leaves the page, a logout does not", async () => {
  serve(new Response("{}", { status: 401 }));
  await ask(new Request(URL_));
  expect(getSession().hasEnded).toBe(true);
  logOut();
  expect(getSession().hasEnded).toBe(false);
});

test("all sentences of a problem are read, and nothing else", () => {
  const tasks = [{ task_id: "t", problems: ["no DAG"] }];
  expect(readProblem({ detail: "no", reason: "why", problems: ["p"], tasks })).toEqual(["no", "why", "p", "t: no DAG"]);
  expect(readProblem({ detail: [{ loc: [], msg: "bad", type: "x" }] })).toEqual(["bad"]);
  for (const body of [null, "<html>", 3, { detail: 7 }]) expect(readProblem(body)).toEqual([]);
});

test("whether something happened is unclear without an answer, and clear after a refusal", async () => {
  const path = { workflow_id: "w" };
  serve(new Response('{"detail":"no"}', { status: 409, headers: { "Content-Type": "application/problem+json" } }));
  const refused = await unwrap(api.POST("/process/{workflow_id}/", { params: { path } })).catch((error: unknown) => error);
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
  const lost = await unwrap(api.POST("/process/{workflow_id}/", { params: { path } })).catch((error: unknown) => error);
  expect(refused).toMatchObject({ lines: ["no"], isUnclear: false });
  expect(lost instanceof ApiError && lost.isUnclear).toBe(true);
});
