import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import en from "./en.json";
import zhCN from "./zh-CN.json";

export const languages = [
  { code: "en", label: "English" },
  { code: "zh-CN", label: "简体中文" },
] as const;

export type Language = (typeof languages)[number]["code"];

const KEPT = "inkstone.language";

function preferred(): Language {
  try {
    const kept = localStorage.getItem(KEPT);
    if (kept === "en" || kept === "zh-CN") return kept;
  } catch {
    // Storage may be forbidden; the browser's language is then used.
  }
  return navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

i18next.use(initReactI18next).init({
  resources: { en: { translation: en }, "zh-CN": { translation: zhCN } },
  lng: preferred(),
  fallbackLng: "en",
  interpolation: { escapeValue: false },
  returnNull: false,
});

document.documentElement.lang = i18next.language;

/** Changes the language of the page and remembers it on this device. */
export async function speak(language: Language): Promise<void> {
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // Without storage the choice lasts until the page closes.
  }
}

export default i18next;
