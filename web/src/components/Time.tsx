import { Text, type TextProps, Tooltip } from "@mantine/core";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { absolute, compact, relative } from "../i18n/time";

const TICK = 5_000;
const readers = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;

/** The current time, renewed every few seconds by one timer for the whole page. */
function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const tell = () => setNow(new Date());
    readers.add(tell);
    ticking ??= setInterval(() => {
      for (const reader of readers) reader();
    }, TICK);
    return () => {
      readers.delete(tell);
      if (readers.size === 0) {
        clearInterval(ticking);
        ticking = undefined;
      }
    };
  }, []);
  return now;
}

type Props = TextProps & { value: string | null | undefined; both?: boolean };

/** A moment: how long ago, and exactly when on hover or focus. `both` shows the two side by side. */
export function Time({ value, both = false, ...text }: Props) {
  const { i18n } = useTranslation();
  const now = useNow();
  const at = value ? new Date(value) : undefined;
  if (!at || Number.isNaN(at.getTime())) {
    return (
      <Text span inherit c="dimmed" {...text}>
        —
      </Text>
    );
  }
  const ago = relative(at, now, i18n.language);
  return (
    <Tooltip label={absolute(at, i18n.language)}>
      <Text span inherit style={{ whiteSpace: "nowrap" }} {...text}>
        <time dateTime={value ?? undefined}>{both ? compact(at, i18n.language) : ago}</time>
        {both && (
          <Text span inherit c="dimmed">
            {" · "}
            {ago}
          </Text>
        )}
      </Text>
    </Tooltip>
  );
}
