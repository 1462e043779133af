import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { api, unwrap } from "../api/client";
import { pollAfter } from "../api/polling";
import type { components } from "../api/schema";
import { adviseOn, findScan } from "../parts/advice";
import { Failure, Foreign, Said, Time, Waiting } from "../parts/Small";
import { UploadLink } from "../parts/UploadLink";
import { formatBytes } from "../text/format";
import { useLanguage, useText } from "../text/language";
import { Health } from "./Health";
import { Pair } from "./TaskTable";

type Rejected = components["schemas"]["RejectedObjectView"];

const PAGE = 20;

async function readPage(cursor: string | null): Promise<components["schemas"]["RejectedObjectList"]> {
  const query = cursor === null ? { limit: PAGE } : { limit: PAGE, cursor };
  return unwrap(api.GET("/rejected_objects/", { params: { query } }));
}

/** What came and fits nothing, with what to do; and how well all is. */
export function Inbox(): ReactNode {
  const text = useText();
  const pages = useInfiniteQuery({
    queryKey: ["rejected"],
    queryFn: ({ pageParam }) => readPage(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: () => pollAfter(false),
  });
  const rejected = pages.data?.pages.flatMap((page) => page.rejected_objects) ?? [];
  return (
    <>
      <h1>{text.inbox.title}</h1>
      <Health />
      <section aria-label={text.inbox.rejected}>
        <h2>{text.inbox.rejected}</h2>
        {!pages.data && <Waiting error={pages.error} />}
        {pages.data && pages.error && <Failure error={pages.error} />}
        {pages.data && rejected.length === 0 && <p className="muted">{text.inbox.none}</p>}
        <ul className="rows">
          {rejected.map((each) => (
            <Row key={each.rejected_object_id} rejected={each} />
          ))}
        </ul>
        {pages.hasNextPage && (
          <button type="button" disabled={pages.isFetching} onClick={() => void pages.fetchNextPage()}>
            {text.inbox.more}
          </button>
        )}
      </section>
    </>
  );
}

function Row({ rejected }: { rejected: Rejected }): ReactNode {
  const text = useText();
  const language = useLanguage();
  const advice = adviseOn(rejected);
  const scan = findScan(rejected.key);
  return (
    <li>
      <h3>
        <Foreign>{rejected.key}</Foreign>
      </h3>
      <Said lines={[rejected.reason]} />
      <p>
        <strong>{text.inbox.todo}:</strong> {text.inbox.advice[advice]}
      </p>
      {scan && <UploadLink workflowId={scan.workflowId} taskId={scan.taskId} name={scan.taskId.slice(0, 8)} />}
      {!scan && (advice === "key" || advice === "other" || advice === "empty") && <Link href="/upload">{text.inbox.toUpload}</Link>}
      <dl>
        <Pair name={text.at}>
          <Time at={rejected.at} />
        </Pair>
        {rejected.size_bytes !== null && <Pair name={text.size}>{formatBytes(rejected.size_bytes, language)}</Pair>}
      </dl>
    </li>
  );
}
