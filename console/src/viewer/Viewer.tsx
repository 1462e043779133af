import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { FRESH_MS, readResults } from "../api/results";
import { Dialog } from "../parts/Dialog";
import { Failure } from "../parts/Small";
import { useText } from "../text/language";
import { findWindow } from "./grey";
import { type Trouble, ViewerError, type Window } from "./image";
import { Picture } from "./Picture";
import { type Entry, fetchFile, Series, type Shown } from "./series";

const PAGE = 100;
const N_AHEAD = 2;
// Who turns the wheel quickly passes images that nobody needs.
const SETTLED_MS = 60;

function useSeries(dagRunId: string): Series | null {
  const queries = useQueryClient();
  const [series, setSeries] = useState<Series | null>(null);
  useEffect(() => {
    const made = new Series({
      readPage: (cursor) =>
        queries.fetchQuery({
          queryKey: ["images", dagRunId, cursor],
          queryFn: () => readResults(dagRunId, cursor, PAGE),
          staleTime: FRESH_MS,
          gcTime: FRESH_MS,
        }),
      fetchFile,
    });
    setSeries(made);
    void made.open();
    return () => made.close();
  }, [dagRunId, queries]);
  return series;
}

type Loaded = { key: string } & ({ shown: Shown } | { trouble: Trouble });

/** Load the image that is shown, then its neighbours. */
function useImage(series: Series, entries: readonly Entry[], index: number): Loaded | null {
  const entry = entries[index];
  const near = Array.from({ length: N_AHEAD }, (_, step) => [entries[index + step + 1], entries[index - step - 1]])
    .flat()
    .filter((each) => each !== undefined);
  // The list grows page by page, which is no reason to begin anew.
  const names = [entry, ...near].map((each) => each?.key).join("\n");
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  useEffect(() => {
    if (!entry) return;
    const { key } = entry;
    let isShown = true;
    series.want([entry, ...near]);
    const load = async (): Promise<void> => {
      try {
        const shown = await series.load(entry);
        if (isShown) setLoaded({ key, shown });
      } catch (error) {
        if (isShown) setLoaded({ key, trouble: error instanceof ViewerError ? error.trouble : "unreachable" });
      }
      for (const each of near) if (isShown) await series.load(each).catch(() => undefined);
    };
    const timer = setTimeout(() => void load(), series.find(key) ? 0 : SETTLED_MS);
    return () => {
      clearTimeout(timer);
      isShown = false;
    };
  }, [series, names]);
  // What is here is shown at once; nothing is ever shown under another's number.
  const here = entry && series.find(entry.key);
  if (here) return { key: entry.key, shown: here };
  return loaded && loaded.key === entry?.key ? loaded : null;
}

interface Slider {
  name: string;
  value: number;
  min: number;
  max: number;
  words?: string;
  onValue: (value: number) => void;
}

function Slider({ name, value, min, max, words, onValue }: Slider): ReactNode {
  return (
    <label className="slider">
      <span>
        {name} <output>{words ?? Math.round(value)}</output>
      </span>
      <input
        type="range"
        min={min}
        max={max}
        step={words ? 1 : "any"}
        value={value}
        aria-valuetext={words ?? String(Math.round(value))}
        onChange={(event) => onValue(event.target.valueAsNumber)}
      />
    </label>
  );
}

function Shelf({ series }: { series: Series }): ReactNode {
  const text = useText();
  const { entries, order, isCut, error } = useSyncExternalStore(series.subscribe, series.getState);
  const [chosen, setChosen] = useState<string | null>(null);
  const [window, setWindow] = useState<Window | null>(null);
  const [isInverted, setInverted] = useState(false);
  const found = entries.findIndex(({ key }) => key === chosen);
  const index = Math.max(found, 0);
  const loaded = useImage(series, chosen === null ? [] : entries, index);
  const shown = loaded && "shown" in loaded ? loaded.shown : null;
  useEffect(() => {
    // Something is seen in the middle, and it stays the one that is shown while the list grows and is ordered.
    if (entries.length > 0) setChosen((before) => before ?? entries[Math.floor(entries.length / 2)]?.key ?? null);
  }, [entries]);
  const own = useMemo(() => shown && findWindow(shown.image), [shown]);
  if (entries.length === 0) return error ? <Failure error={error} /> : <p role="status">{order === null ? text.loading : text.noResultsEver}</p>;

  const go = (to: number): void => setChosen(entries[Math.min(Math.max(to, 0), entries.length - 1)]?.key ?? null);
  const used = window ?? own;
  const change = (center: number, width: number): void => setWindow({ center, width: Math.max(width, 1) });
  const reset = (): void => {
    setWindow(null);
    setInverted(false);
  };
  const words = text.viewer.imageOf(index + 1, entries.length);
  const range = own ? own.width * 2 : 1;
  return (
    <>
      <Picture
        words={words}
        shown={shown}
        window={used}
        isInverted={isInverted}
        message={loaded && "trouble" in loaded ? text.viewer.troubles[loaded.trouble] : loaded ? null : text.loading}
        onStep={(step) => go(Math.abs(step) === Infinity ? (step > 0 ? entries.length : 0) : index + step)}
        onWindow={change}
        onInvert={() => setInverted(!isInverted)}
        onReset={reset}
      />
      {entries.length > 1 && <Slider name={text.viewer.image} value={index + 1} min={1} max={entries.length} words={words} onValue={(to) => go(to - 1)} />}
      <div className="sliders">
        {used && own && (
          <>
            <Slider
              name={text.viewer.center}
              value={used.center}
              min={Math.min(own.center - range, used.center)}
              max={Math.max(own.center + range, used.center)}
              onValue={(center) => change(center, used.width)}
            />
            <Slider
              name={text.viewer.width}
              value={used.width}
              min={1}
              max={Math.max(own.width * 4, used.width)}
              onValue={(width) => change(used.center, width)}
            />
          </>
        )}
        <div className="buttons">
          <button type="button" aria-pressed={isInverted} onClick={() => setInverted(!isInverted)}>
            {text.viewer.invert}
          </button>
          <button type="button" onClick={reset}>
            {text.viewer.reset}
          </button>
        </div>
      </div>
      {error !== null && <Failure error={error} />}
      <p className="muted" role="status">
        {order === null ? text.viewer.ordering : text.viewer.orders[order]} {isCut && text.viewer.cut(entries.length)}
      </p>
      <details>
        <summary>{text.viewer.keys}</summary>
        <p>{text.viewer.help}</p>
      </details>
    </>
  );
}

/** The DICOM images of a run, for a look and not for a diagnosis. */
export default function Viewer({ dagRunId, onLeave }: { dagRunId: string; onLeave: () => void }): ReactNode {
  const text = useText();
  const series = useSeries(dagRunId);
  return (
    <Dialog title={text.viewer.title(dagRunId.slice(0, 8))} className="viewer" onLeave={onLeave}>
      <button type="button" className="leave" onClick={onLeave}>
        {text.close}
      </button>
      {series && <Shelf series={series} />}
    </Dialog>
  );
}
