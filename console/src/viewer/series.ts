/** The images of a run: listed, ordered, and loaded near the one that is shown. */
import type { ResultPage } from "../api/results";
import { type Image, MAX_FILE_BYTES, readImage, readPlace, START_BYTES, ViewerError } from "./image";
import { type Order, orderImages, type Place } from "./place";

export interface Entry {
  key: string;
  size_bytes: number;
  /** The page that lists it. */
  cursor: string | null;
  place: Place | null;
}

export interface State {
  entries: readonly Entry[];
  /** By what they are ordered; null: not yet. */
  order: Order | null;
  /** There are more images than are listed. */
  isCut: boolean;
  error: unknown;
}

export interface Shown {
  image: Image;
  place: Place;
}

/** Where a series comes from. */
export interface Source {
  /** A page of results whose URLs work. */
  readPage: (cursor: string | null) => Promise<ResultPage>;
  /** At most so many bytes from the start of a file; null: all of it. */
  fetchFile: (url: string, n_bytes: number | null, signal: AbortSignal) => Promise<Uint8Array>;
}

export const MAX_ENTRIES = 10_000;
// To order more by place would mean as many requests before the order is right.
export const MAX_ORDERED = 600;
const MAX_KEPT_BYTES = 96 * 2 ** 20;
const N_STARTS_AT_ONCE = 3;
const MAX_WAIT_MS = 60_000;

export class Series {
  private state: State = { entries: [], order: null, isCut: false, error: null };
  private readonly listeners = new Set<() => void>();
  private readonly kept = new Map<string, Shown>();
  private readonly loading = new Map<string, { stop: AbortController; shown: Promise<Shown> }>();
  private readonly end = new AbortController();

  constructor(private readonly source: Source) {}

  readonly getState = (): State => this.state;

  readonly subscribe = (tell: () => void): (() => void) => {
    this.listeners.add(tell);
    return () => this.listeners.delete(tell);
  };

  /** List all images, then order them. */
  async open(): Promise<void> {
    try {
      await this.list();
      const { entries, isCut } = this.state;
      if (entries.length <= MAX_ORDERED && !isCut) await this.readPlaces(entries);
    } catch (error) {
      this.change({ error });
    }
    const isRead = this.state.entries.length <= MAX_ORDERED && !this.state.error;
    const { by, items } = isRead ? orderImages(this.state.entries) : { by: "name" as const, items: this.state.entries };
    this.change({ entries: items, order: by });
  }

  close(): void {
    this.end.abort();
    this.kept.clear();
    this.listeners.clear();
  }

  /** An image that is here. */
  find(key: string): Shown | undefined {
    return this.kept.get(key);
  }

  /** Stop loading all but these. */
  want(entries: readonly Entry[]): void {
    const keys = new Set(entries.map(({ key }) => key));
    for (const [key, { stop }] of this.loading) if (!keys.has(key)) stop.abort();
  }

  async load(entry: Entry): Promise<Shown> {
    const known = this.kept.get(entry.key);
    if (known) {
      this.kept.delete(entry.key);
      this.kept.set(entry.key, known);
      return known;
    }
    const before = this.loading.get(entry.key);
    if (before && !before.stop.signal.aborted) return before.shown;
    const stop = new AbortController();
    const shown = this.loadAnew(entry, stop.signal).finally(() => {
      if (this.loading.get(entry.key)?.stop === stop) this.loading.delete(entry.key);
    });
    this.loading.set(entry.key, { stop, shown });
    return shown;
  }

  private async loadAnew(entry: Entry, signal: AbortSignal): Promise<Shown> {
    if (entry.size_bytes > MAX_FILE_BYTES) throw new ViewerError("tooLarge");
    const shown = readImage(await this.fetch(entry, null, signal));
    this.keep(entry.key, shown);
    return shown;
  }

  private change(next: Partial<State>): void {
    if (this.end.signal.aborted) return;
    this.state = { ...this.state, ...next };
    for (const tell of this.listeners) tell();
  }

  private async list(): Promise<void> {
    let cursor: string | null = null;
    do {
      const page: ResultPage = await this.source.readPage(cursor);
      if (this.end.signal.aborted) return;
      const found = page.results
        .filter((result) => result.type === "DICOM" && result.url !== null)
        .map((result): Entry => ({ key: result.key, size_bytes: result.size_bytes ?? 0, cursor, place: null }));
      const entries = [...this.state.entries, ...found];
      cursor = page.next_cursor;
      this.change({ entries: entries.slice(0, MAX_ENTRIES), isCut: entries.length > MAX_ENTRIES });
    } while (cursor !== null && !this.state.isCut);
  }

  private async readPlaces(entries: readonly Entry[]): Promise<void> {
    const left = [...entries];
    const work = async (): Promise<void> => {
      for (let entry = left.shift(); entry && !this.end.signal.aborted; entry = left.shift()) {
        try {
          entry.place = this.find(entry.key)?.place ?? readPlace(await this.fetch(entry, START_BYTES, this.end.signal));
        } catch {
          // It says what is wrong with it when it is shown.
        }
      }
    };
    await Promise.all(Array.from({ length: N_STARTS_AT_ONCE }, work));
  }

  private async fetch(entry: Entry, n_bytes: number | null, signal: AbortSignal): Promise<Uint8Array> {
    const page = await this.source.readPage(entry.cursor);
    const url = page.results.find((result) => result.key === entry.key)?.url;
    if (!url) throw new ViewerError("unreachable");
    return this.source.fetchFile(url, n_bytes, AbortSignal.any([signal, this.end.signal, AbortSignal.timeout(MAX_WAIT_MS)]));
  }

  private keep(key: string, shown: Shown): void {
    this.kept.set(key, shown);
    let n_bytes = [...this.kept.values()].reduce((sum, { image }) => sum + image.pixels.byteLength, 0);
    for (const [oldest, { image }] of this.kept) {
      if (n_bytes <= MAX_KEPT_BYTES || oldest === key) break;
      this.kept.delete(oldest);
      n_bytes -= image.pixels.byteLength;
    }
  }
}

/** Fetch a file of the data lake, bounded whatever it answers; its address stands nowhere in the page. */
export async function fetchFile(url: string, n_bytes: number | null, signal: AbortSignal): Promise<Uint8Array> {
  const headers: HeadersInit = n_bytes === null ? {} : { Range: `bytes=0-${n_bytes - 1}` };
  const parts: Uint8Array[] = [];
  let size_bytes = 0;
  try {
    const options = { headers, signal, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", redirect: "error" } as const;
    const response = await fetch(url, options);
    const reader = response.ok ? response.body?.getReader() : undefined;
    if (!reader) throw new ViewerError("unreachable");
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      parts.push(read.value);
      size_bytes += read.value.length;
      // A server may answer the whole file all the same.
      if (size_bytes > (n_bytes ?? MAX_FILE_BYTES)) {
        void reader.cancel();
        if (n_bytes === null) throw new ViewerError("tooLarge");
        break;
      }
    }
  } catch (error) {
    throw error instanceof ViewerError ? error : new ViewerError("unreachable");
  }
  const bytes = new Uint8Array(size_bytes);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
