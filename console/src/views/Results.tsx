import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { ApiError } from "../api/client";
import { FRESH_MS, readResults, type ResultPage } from "../api/results";
import { isActive, type Result } from "../api/types";
import { Foreign, Said, Waiting } from "../parts/Small";
import { formatBytes } from "../text/format";
import { useLanguage, useText } from "../text/language";
import { useActions } from "./useActions";
import { OutcomeLine } from "../parts/OutcomeLine";

const PAGE = 20;
const MAX_PREVIEW_BYTES = 8_000_000;
const Viewer = lazy(() => import("../viewer/Viewer"));

/** Fetch a picture: its signed address must stand nowhere in the page. */
async function loadPreview(url: string): Promise<Blob> {
  const response = await fetch(url, { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });
  const blob = await response.blob();
  // Nothing but pictures: a page in a picture's place would run under our origin.
  if (!response.ok || !/^image\/(png|jpeg)/.test(blob.type) || blob.size > MAX_PREVIEW_BYTES) throw new ApiError(response.status, []);
  return blob;
}

function Preview({ result, name }: { result: Result; name: string }): ReactNode {
  const text = useText();
  const [address, setAddress] = useState<string | null>(null);
  const { data, error } = useQuery({
    queryKey: ["preview", result.preview_key],
    queryFn: () => loadPreview(result.preview_url ?? ""),
    staleTime: Infinity,
    retry: 1,
  });
  useEffect(() => {
    if (!data) return;
    const made = URL.createObjectURL(data);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [data]);
  if (error) return <p className="muted">{text.noPreview}</p>;
  return address && <img className="preview" src={address} alt={text.preview(name)} />;
}

/** Leave the page by a link that is in no document, so that the address stands nowhere. */
function follow(url: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.rel = "noreferrer";
  link.click();
}

const nameOfFile = (key: string): string => key.split("/").at(-1) ?? key;

export function Results({ dagRunId, state }: { dagRunId: string; state: string }): ReactNode {
  const text = useText();
  const language = useLanguage();
  const { outcome, run } = useActions();
  const [isViewing, setViewing] = useState(false);
  const pages = useInfiniteQuery({
    // A new state may have brought new files.
    queryKey: ["results", dagRunId, state],
    queryFn: async ({ pageParam }) => {
      const asked_ms = Date.now();
      return { ...(await readResults(dagRunId, pageParam, PAGE)), asked_ms };
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: FRESH_MS,
    refetchOnWindowFocus: false,
  });
  if (!pages.data) return <Waiting error={pages.error} />;
  const results = pages.data.pages.flatMap((page) => page.results);
  const download = async (key: string): Promise<void> => {
    const has = (page: ResultPage): boolean => page.results.some((each) => each.key === key);
    // Each page is as old as its own answer: S3's refusal of an old URL would take the place of this page.
    const isFresh = Date.now() - (pages.data.pages.find(has)?.asked_ms ?? 0) < FRESH_MS;
    const found = isFresh ? pages : await pages.refetch();
    if (found.error) throw found.error;
    const url = found.data?.pages.find(has)?.results.find((each) => each.key === key)?.url;
    if (url) follow(url);
  };
  if (results.length === 0) return <p className="muted">{isActive(state) ? text.noResults : text.noResultsEver}</p>;
  return (
    <>
      {results.some((result) => result.type === "DICOM" && result.url) && (
        <button type="button" className="first" onClick={() => setViewing(true)}>
          {text.viewer.open}
        </button>
      )}
      {isViewing && (
        <Suspense fallback={<p role="status">{text.loading}</p>}>
          <Viewer dagRunId={dagRunId} onLeave={() => setViewing(false)} />
        </Suspense>
      )}
      <ul className="rows">
        {results.map((result) => {
          const name = nameOfFile(result.key);
          return (
            <li key={result.key}>
              <h3>
                <Foreign>{name}</Foreign>
              </h3>
              <p className="muted">
                {result.type ?? ""} {result.size_bytes !== null && formatBytes(result.size_bytes, language)}
              </p>
              {result.preview_url && <Preview result={result} name={name} />}
              {result.unavailable_reason && <Said lines={[result.unavailable_reason]} />}
              {result.url && (
                <button type="button" aria-label={`${text.download}, ${name}`} onClick={() => run(text.download, () => download(result.key))}>
                  {text.download}
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {pages.hasNextPage && (
        <button type="button" className="next" disabled={pages.isFetching} onClick={() => void pages.fetchNextPage()}>
          {text.moreResults}
        </button>
      )}
      <OutcomeLine outcome={outcome} />
    </>
  );
}
