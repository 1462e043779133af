export type Advice = "folder" | "empty" | "result" | "scan" | "key" | "other";

interface Rejected {
  key: string;
  size_bytes: number | null;
}

const ID = /^[0-9a-fA-F-]{32,36}$/;

/** The scan that a key names. */
export function findScan(key: string): { workflowId: string; taskId: string } | null {
  const [prefix, workflowId = "", taskId = "", ...rest] = key.split("/");
  const isScan = prefix === "acquisition" && rest.length > 0 && ID.test(workflowId) && ID.test(taskId);
  return isScan ? { workflowId, taskId } : null;
}

/** What to do about an object that fits nothing, by its key and size; the API says why in English only. */
export function adviseOn({ key, size_bytes }: Rejected): Advice {
  if (key.endsWith("/") && !size_bytes) return "folder";
  if (key.startsWith("result/")) return "result";
  if (size_bytes === 0) return "empty";
  if (findScan(key)) return "scan";
  return /^upload\/[\w.-]+\/[^/]/.test(key) && !key.endsWith("/") ? "other" : "key";
}
