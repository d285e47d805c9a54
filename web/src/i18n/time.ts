const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** "3 minutes ago", in the given language. */
export function relative(at: Date, now: Date, language: string): string {
  const exact = (at.getTime() - now.getTime()) / 1000;
  // The server's clock may be a little ahead of this one; nothing here lies in the future.
  const seconds = exact > 0 && exact < 60 ? 0 : exact;
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(0, "second");
}

/** Date and time to the second with the reader's time zone, in the given language. */
export function absolute(at: Date, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" }).format(at);
}

/** Date and time without the zone, for columns whose head names it. */
export function compact(at: Date, language: string): string {
  return new Intl.DateTimeFormat(language, {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  }).format(at);
}

/** The reader's time zone as its name and offset: "Europe/Berlin, GMT+2". */
export function timeZone(language: string): string {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const offset = new Intl.DateTimeFormat(language, { timeZoneName: "shortOffset" })
    .formatToParts()
    .find((part) => part.type === "timeZoneName")?.value;
  return offset && name !== "UTC" && offset !== name ? `${name} (${offset})` : name;
}
