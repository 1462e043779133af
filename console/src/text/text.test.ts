import { expect, test } from "vitest";
import { de } from "./de";
import { en } from "./en";
import { formatBytes, formatPercent, formatTime } from "./format";
import { findLanguage } from "./language";

// Words that are the same in both languages.
const SAME = new Set(["title", "workflow", "dag"]);

test("no German text is English", () => {
  const compare = (english: object, german: object, path: string): void => {
    for (const [name, text] of Object.entries(english)) {
      const other: unknown = german[name as keyof typeof german];
      if (typeof text === "object") compare(text as object, other as object, `${path}${name}.`);
      else if (typeof text === "string" && !SAME.has(path + name)) expect(other, path + name).not.toBe(text);
    }
  };
  compare(en, de, "");
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
