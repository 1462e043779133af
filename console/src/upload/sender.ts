/** Sends the parts of one file that S3 does not hold: in the worker, without page, network or clock of its own. */
import { combineCrcs, encodeCrc, type HashBlob } from "./crc";
import { findPart, type PresentPart, type UploadView } from "./plan";

export type Why = "other" | "changed" | "closed" | "interrupted" | "refused" | "unable";

export class UploadError extends Error {
  constructor(
    readonly why: Why,
    readonly detail: string = "",
  ) {
    super(why);
  }
}

export interface Answer {
  /** 0: none came. */
  status: number;
  /** S3's word for a refusal. */
  code: string;
}

export interface Ports {
  /** One hasher for each part under way. */
  hashers: readonly HashBlob[];
  put: (url: string, blob: Blob, onProgress: (sent_bytes: number) => void, signal: AbortSignal) => Promise<Answer>;
  /** GET the upload: what S3 holds, and fresh URLs of missing parts from this one on. */
  look: (from_part: number) => Promise<UploadView>;
  wait: (n_failed: number, signal: AbortSignal) => Promise<void>;
  tell: (phase: "checking" | "sending", bytes: number, of_bytes: number) => void;
}

export interface Sent {
  parts: { part_number: number; etag: string }[];
  crc64nvme: string;
}

const N_ATTEMPTS = 6;
const N_ROUNDS = 3;
const PASSING = new Set([408, 429, 500, 502, 503, 504]);
// S3's words for a URL that is too old: 403, or 400 if the credentials that signed it are.
const EXPIRED = new Set([400, 403]);

export class Sender {
  readonly #file: Blob;
  readonly #ports: Ports;
  #view: UploadView;
  #isChecked = false;
  #crcs = new Map<number, bigint>();
  #urls = new Map<number, string>();
  #underWay = new Map<number, number>();
  #looking: Promise<UploadView> | null = null;

  constructor(file: Blob, view: UploadView, ports: Ports) {
    this.#file = file;
    this.#ports = ports;
    this.#view = view;
    this.#take(view);
  }

  /** Send all; after an abort, the same call again goes on. */
  async run(signal: AbortSignal): Promise<Sent> {
    if (!this.#isChecked) await this.#check(signal);
    this.#isChecked = true;
    for (let round = 0; round < N_ROUNDS; round += 1) {
      const missing = this.#numbers().filter((number) => !this.#crcs.has(number));
      await this.#atOnce(missing, signal, (number, hash, stop) => this.#send(number, hash, stop));
      const sent = this.#confirm(await orAbort(this.#look(this.#view.n_parts), signal));
      if (sent) return sent;
    }
    throw new UploadError("refused", "S3 does not keep what it took.");
  }

  /** Compare all that is there before anything is sent: no part of another file may come to this upload. */
  async #check(signal: AbortSignal): Promise<void> {
    const present = this.#view.present.filter((part) => this.#isWhole(part));
    const of_bytes = present.reduce((sum, part) => sum + (part.size_bytes ?? 0), 0);
    const byNumber = new Map(present.map((part) => [part.part_number, part]));
    let bytes = 0;
    await this.#atOnce([...byNumber.keys()], signal, async (number, hash, stop) => {
      const crc = await this.#hash(number, hash, stop, (n_bytes) => {
        bytes += n_bytes;
        this.#ports.tell("checking", bytes, of_bytes);
      });
      this.#adopt(byNumber.get(number), crc);
    });
  }

  async #send(number: number, hash: HashBlob, signal: AbortSignal): Promise<void> {
    const crc = await this.#hash(number, hash, signal, () => undefined);
    let bad = "";
    for (let n_failed = 0; ; ) {
      const url = await this.#findUrl(number, bad, signal);
      // The answer to a PUT may have been lost: S3 has the part then, and signs nothing for it.
      if (url === null) return this.#adopt(this.#view.present.find((part) => part.part_number === number), crc);
      const answer = await this.#put(number, url, signal);
      if (answer.status >= 200 && answer.status < 300) {
        this.#crcs.set(number, crc);
        this.#urls.delete(number);
        return this.#tell();
      }
      n_failed += 1;
      const error = explain(answer, n_failed);
      if (error) throw error;
      // Whoever answers a large body early closes the connection, and a browser sees no more than that.
      if (EXPIRED.has(answer.status) || (answer.status === 0 && n_failed > 1)) bad = url;
      await this.#ports.wait(n_failed, signal);
    }
  }

  async #put(number: number, url: string, signal: AbortSignal): Promise<Answer> {
    const onProgress = (sent_bytes: number): void => {
      this.#underWay.set(number, sent_bytes);
      this.#tell();
    };
    try {
      return await this.#ports.put(url, this.#slice(number), onProgress, signal);
    } finally {
      this.#underWay.delete(number);
      if (!signal.aborted) this.#tell();
    }
  }

  async #hash(number: number, hash: HashBlob, signal: AbortSignal, onChunk: (n_bytes: number) => void): Promise<bigint> {
    try {
      return await hash(this.#slice(number), onChunk, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      // Browsers refuse to read a file that was written to since it was chosen.
      throw new UploadError("changed");
    }
  }

  /** Take a part that S3 holds, once it is the file's own. */
  #adopt(part: PresentPart | undefined, crc: bigint): void {
    if (!part) throw new UploadError("closed");
    const isOther = part.crc64nvme !== null && part.crc64nvme !== encodeCrc(crc);
    if (isOther) throw new UploadError("other", String(part.part_number));
    this.#crcs.set(part.part_number, crc);
    this.#tell();
  }

  /** What to complete the upload with, by what S3 says it holds; null: some of it must be sent again. */
  #confirm(view: UploadView): Sent | null {
    const present = new Map(view.present.filter((part) => this.#isWhole(part)).map((part) => [part.part_number, part]));
    for (const [number, crc] of [...this.#crcs]) {
      const part = present.get(number);
      if (part) this.#adopt(part, crc);
      else this.#crcs.delete(number);
    }
    const numbers = this.#numbers();
    if (!numbers.every((number) => this.#crcs.has(number))) return null;
    const crcs = numbers.map((number) => ({ crc: this.#crcs.get(number) ?? 0n, size_bytes: findPart(view, number).size_bytes }));
    const parts = numbers.map((part_number) => ({ part_number, etag: present.get(part_number)?.etag ?? "" }));
    return { parts, crc64nvme: encodeCrc(combineCrcs(crcs)) };
  }

  async #findUrl(number: number, bad: string, signal: AbortSignal): Promise<string | null> {
    for (;;) {
      const url = this.#urls.get(number);
      if (url !== undefined && url !== bad) return url;
      const isOurs = this.#looking === null;
      this.#urls.delete(number);
      // The answer may wait for a login.
      await orAbort(this.#look(number), signal);
      // Signed anew within a second, a URL is the same. Another part's question may begin behind this part.
      if (isOurs) return this.#urls.get(number) ?? null;
    }
  }

  /** One question at a time: its answer is for all. */
  #look(from_part: number): Promise<UploadView> {
    this.#looking ??= this.#ports
      .look(from_part)
      .then((view) => {
        this.#take(view);
        return view;
      })
      .finally(() => {
        this.#looking = null;
      });
    return this.#looking;
  }

  #take(view: UploadView): void {
    if (view.state !== "CREATED") throw new UploadError("closed");
    this.#view = view;
    for (const part of view.parts) this.#urls.set(part.part_number, part.url);
  }

  #numbers(): number[] {
    return Array.from({ length: this.#view.n_parts }, (_, index) => index + 1);
  }

  #slice(number: number): Blob {
    const { from, to } = findPart(this.#view, number);
    return this.#file.slice(from, to);
  }

  #isWhole(part: PresentPart): boolean {
    return part.size_bytes === findPart(this.#view, part.part_number).size_bytes;
  }

  #tell(): void {
    if (!this.#isChecked) return;
    let bytes = 0;
    for (const number of this.#crcs.keys()) bytes += findPart(this.#view, number).size_bytes;
    for (const sent_bytes of this.#underWay.values()) bytes += sent_bytes;
    this.#ports.tell("sending", bytes, this.#view.size_bytes);
  }

  /** Do it for all numbers, as many at once as there are hashers; the first failure ends all. */
  async #atOnce(numbers: readonly number[], signal: AbortSignal, act: (number: number, hash: HashBlob, stop: AbortSignal) => Promise<void>): Promise<void> {
    const failure = new AbortController();
    const stop = AbortSignal.any([signal, failure.signal]);
    const queue = numbers.values();
    const lanes = this.#ports.hashers.map(async (hash) => {
      for (const number of queue) {
        stop.throwIfAborted();
        await act(number, hash, stop);
      }
    });
    lanes.forEach((lane) => void lane.catch((error: unknown) => failure.abort(error)));
    await Promise.allSettled(lanes);
    signal.throwIfAborted();
    failure.signal.throwIfAborted();
  }
}

function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([promise, aborted]);
}

function explain({ status, code }: Answer, n_failed: number): UploadError | null {
  const isLast = n_failed >= N_ATTEMPTS;
  const detail = status === 0 ? "" : `S3: ${status} ${code}`.trim();
  if (status === 404) return new UploadError("closed");
  if (status === 0 || PASSING.has(status)) return isLast ? new UploadError("interrupted", detail) : null;
  return isLast || !EXPIRED.has(status) ? new UploadError("refused", detail) : null;
}
