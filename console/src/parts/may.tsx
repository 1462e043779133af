import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { meQuery } from "../api/queries";
import { useText } from "../text/language";
import { Foreign, Time } from "./Small";

const WARN_BEFORE_MS = 10 * 60_000;

/** Whether the role may call an operation. Until it is known, everything is offered: the API decides. */
export function useMay(): (operation: string) => boolean {
  const { data } = useQuery(meQuery);
  return (operation) => !data || data.permissions.includes(operation);
}

/** Why something is not offered, where one of the operations is another role's. */
export function NotOffered({ operations }: { operations: readonly string[] }): ReactNode {
  const text = useText();
  const may = useMay();
  const { data } = useQuery(meQuery);
  if (!data || operations.every(may)) return null;
  return (
    <p className="muted">
      {text.me.notOffered} <Foreign>{text.me.roles[data.role] ?? data.role}</Foreign>.
    </p>
  );
}

/** Who is logged in, as what, and until when, where that is known. */
export function Me({ username }: { username: string }): ReactNode {
  const text = useText();
  const { data } = useQuery(meQuery);
  const [isNear, setNear] = useState(false);
  const ends_at = data?.ends_at ?? null;
  useEffect(() => {
    const left_ms = ends_at === null ? NaN : Date.parse(ends_at) - Date.now() - WARN_BEFORE_MS;
    setNear(left_ms <= 0);
    // Beyond that, a timer would fire at once.
    if (!(left_ms > 0 && left_ms < 2 ** 31)) return;
    const timer = setTimeout(() => setNear(true), left_ms);
    return () => clearTimeout(timer);
  }, [ends_at]);
  return (
    <span className="me muted">
      <Foreign>{data?.username || username}</Foreign>
      {data && (
        <>
          {" · "}
          <Foreign>{text.me.roles[data.role] ?? data.role}</Foreign>
        </>
      )}
      {ends_at && (
        <span role="status" className={isNear ? "why" : ""}>
          {" · "}
          {text.me.endsAt} <Time at={ends_at} />
        </span>
      )}
    </span>
  );
}
