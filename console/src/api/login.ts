import { findBaseUrl } from "./client";
import { begin, end, getToken } from "./session";

export type LoginOutcome = "in" | "wrong" | "busy" | "off" | "failed";

const MAX_WAIT_MS = 12_000;
const COOKIE_LOGIN = "/api/v1/userlogin/loginfromcookie";

async function post(url: string, credentials: RequestCredentials, body: BodyInit | null): Promise<Response> {
  const signal = AbortSignal.timeout(MAX_WAIT_MS);
  return fetch(url, { method: "POST", body, credentials, signal, cache: "no-store", redirect: "error" });
}

async function take(response: Response): Promise<boolean> {
  const user = (await response.json()) as { access_token?: unknown; username?: unknown };
  if (typeof user.access_token !== "string" || user.access_token === "") return false;
  begin(user.access_token, typeof user.username === "string" ? user.username : "");
  return true;
}

/** Behind ScanHub's gateway, the cookie of its login is enough; elsewhere nobody answers that. */
export async function logInByCookie(): Promise<void> {
  const before = getToken();
  try {
    const isBehindGateway = new URL(findBaseUrl(location.href)).pathname === "/api/v1/workflowmanager";
    if (isBehindGateway) {
      const response = await post(COOKIE_LOGIN, "same-origin", null);
      // Whoever has logged in by name meanwhile stays.
      if (getToken() !== before || (response.ok && (await take(response)))) return;
    }
  } catch {
    // Then by name and password.
  }
  end(before);
}

export async function logIn(username: string, password: string): Promise<LoginOutcome> {
  try {
    const url = `${findBaseUrl(location.href)}/login/`;
    const response = await post(url, "omit", new URLSearchParams({ username, password }));
    if (response.ok) return (await take(response)) ? "in" : "failed";
    return ({ 401: "wrong", 404: "off", 429: "busy" } as const)[response.status as 401] ?? "failed";
  } catch {
    return "failed";
  }
}
