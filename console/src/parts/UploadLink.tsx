import type { ReactNode } from "react";
import { Link } from "wouter";
import { isScan, type Task } from "../api/types";
import { useText } from "../text/language";

/** Whether the data of a scan may be sent; whether it still may, the API says. */
export const takesData = (task: Task): boolean => isScan(task) && ["PENDING", "IN_PROGRESS", "FAILED"].includes(task.status);

/** The way to send what a scan waits for. */
export function UploadLink({ workflowId, taskId, name }: { workflowId: string; taskId: string; name: string }): ReactNode {
  const text = useText();
  const href = `/upload/${encodeURIComponent(workflowId)}/${encodeURIComponent(taskId)}`;
  return (
    <Link href={href} aria-label={`${text.upload.link}, ${name}`}>
      {text.upload.link}
    </Link>
  );
}
