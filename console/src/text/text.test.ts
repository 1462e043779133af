import { expect, test } from "vitest";
import { de } from "./de";
import { en } from "./en";
import { formatBytes, formatPercent, formatTime } from "./format";
import { findLanguage } from "./language";

// Words that are the same in both languages.
const SAME = new Set(["title", "workflow", "dag", "inbox.names.airflow"]);

function listTexts(texts: object, before = ""): [string, string][] {
  return Object.entries(texts).flatMap(([name, text]): [string, string][] => {
    if (typeof text === "string") return [[before + name, text]];
    return typeof text === "object" ? listTexts(text as object, `${before}${name}.`) : [];
  });
}

test("no German text is English", () => {
  const german = new Map(listTexts(de));
  for (const [name, text] of listTexts(en)) {
    if (!SAME.has(name)) expect(german.get(name), name).not.toBe(text);
  }
});

test("the chosen language comes before the browser's", () => {
  expect(findLanguage("de", ["en-US"])).toBe("de");
  expect(findLanguage(null, ["fr", "de-AT"])).toBe("de");
  expect(findLanguage("xx", [])).toBe("en");
});

test("times name their zone, sizes their unit", () => {
  expect(formatTime("2026-11-29T08:00:00Z", "en", "UTC")).toBe("29/11/2026, 08:00:00 UTC");
  expect(formatTime("2026-11-29T08:00:00Z", "de", "Europe/Berlin")).toBe("29.11.2026, 09:00:00 MEZ");
  expect(formatTime("soon", "en")).toBe("soon");
  expect(formatBytes(1_500_000, "de")).toBe("1,5 MB");
  expect(formatPercent(42, "en")).toBe("42%");
});
