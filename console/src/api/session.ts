/** Who is logged in: in memory only, so a reload logs in again and nothing is left behind. */
import { useSyncExternalStore } from "react";

export interface Session {
  status: "asking" | "out" | "in";
  /** Whether somebody was logged in before. */
  hasEnded: boolean;
  username: string;
}

let token = "";
let session: Session = { status: "asking", hasEnded: false, username: "" };
const listeners = new Set<() => void>();
const forgetters = new Set<() => void>();

function change(next: Session): void {
  const isOther = next.username === "" || next.username !== session.username;
  session = next;
  if (isOther) for (const forget of forgetters) forget();
  for (const tell of listeners) tell();
}

export const getToken = (): string => token;

export function begin(newToken: string, username: string): void {
  token = newToken;
  change({ status: "in", hasEnded: false, username });
}

/** End the session that had this token; a newer one goes on. */
export function end(usedToken: string = token): void {
  if (usedToken !== token || session.status === "out") return;
  const hasEnded = session.status === "in";
  token = "";
  change({ ...session, status: "out", hasEnded });
}

export function logOut(): void {
  token = "";
  change({ status: "out", hasEnded: false, username: "" });
}

/** Be told of every change; returns how not to be any more. */
export function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

/** Be told, before all others, when what is here is for nobody any more: at a logout, or a login by another name. */
export function onOtherUser(forget: () => void): () => void {
  forgetters.add(forget);
  return () => forgetters.delete(forget);
}

export const getSession = (): Session => session;

export function useSession(): Session {
  return useSyncExternalStore(subscribe, getSession);
}
