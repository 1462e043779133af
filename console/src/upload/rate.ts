const WINDOW_MS = 10_000;

/** How fast it goes, by what the last seconds brought. */
export class Meter {
  #samples: { at_ms: number; bytes: number }[] = [];

  /** Note how many bytes have gone out in all; return the rate [bytes/s], 0 while it is not known. */
  note(bytes: number, at_ms: number): number {
    this.#samples.push({ at_ms, bytes });
    // One older than the window is kept: it is where the window begins.
    while ((this.#samples[1]?.at_ms ?? at_ms) < at_ms - WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    if (!first || at_ms <= first.at_ms) return 0;
    return Math.max(0, ((bytes - first.bytes) * 1000) / (at_ms - first.at_ms));
  }

  reset(): void {
    this.#samples = [];
  }
}
