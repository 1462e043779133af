import { createContext, useContext } from "react";
import { de } from "./de";
import { en, type Text } from "./en";

export type Language = "en" | "de";
export const TEXTS: Record<Language, Text> = { en, de };
export const LanguageContext = createContext<Language>("en");

/** The language that was chosen, else the browser's, else English. */
export function findLanguage(chosen: string | null, spoken: readonly string[]): Language {
  const wanted = [chosen ?? "", ...spoken].map((each) => each.slice(0, 2).toLowerCase());
  return wanted.find((each): each is Language => each === "en" || each === "de") ?? "en";
}

export function useLanguage(): Language {
  return useContext(LanguageContext);
}

export function useText(): Text {
  return TEXTS[useLanguage()];
}
