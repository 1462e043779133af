import type { Language } from "./language";

const PARTS: Intl.DateTimeFormatOptions = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
};
const LOCALES: Record<Language, string> = { en: "en-GB", de: "de-DE" };

/** A time in the reader's zone, with the zone's name; a text that is no time stays as it is. */
export function formatTime(iso: string, language: Language, timeZone?: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso.slice(0, 40);
  return new Intl.DateTimeFormat(LOCALES[language], timeZone ? { ...PARTS, timeZone } : PARTS).format(at);
}

export function formatBytes(size_bytes: number, language: Language): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(Math.floor(Math.log10(Math.max(size_bytes, 1)) / 3), units.length - 1);
  const options = { style: "unit", unit: units[power] ?? "byte", unitDisplay: "short", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(LOCALES[language], options).format(size_bytes / 1000 ** power);
}

export function formatPercent(percent: number, language: Language): string {
  return new Intl.NumberFormat(LOCALES[language], { style: "percent" }).format(percent / 100);
}

/** How long something takes, in one unit. */
export function formatDuration(seconds: number, language: Language): string {
  const [value, unit] = seconds < 100 ? [seconds, "second"] : seconds < 6000 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return new Intl.NumberFormat(LOCALES[language], { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 }).format(Math.ceil(value));
}

export function formatMilliseconds(wait_ms: number, language: Language): string {
  return new Intl.NumberFormat(LOCALES[language], { style: "unit", unit: "millisecond", maximumFractionDigits: 0 }).format(wait_ms);
}
