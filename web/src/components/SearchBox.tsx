import { CloseButton, Kbd, TextInput } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useRef } from "react";
import { useTranslation } from "react-i18next";

type Props = { value: string; onChange: (value: string) => void; label: string; width?: number };

/** A filter that `/` jumps to and Escape empties. */
export function SearchBox({ value, onChange, label, width = 300 }: Props) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  useHotkeys([["/", () => input.current?.focus()]]);
  return (
    <TextInput
      ref={input}
      type="text"
      role="searchbox"
      size="xs"
      w={{ base: "100%", xs: width }}
      aria-label={label}
      placeholder={label}
      value={value}
      leftSection={<IconSearch size={14} />}
      rightSection={
        value ? (
          <CloseButton size="xs" aria-label={t("action.clear")} onClick={() => onChange("")} />
        ) : (
          <Kbd size="xs" visibleFrom="sm">
            /
          </Kbd>
        )
      }
      onChange={(event) => onChange(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        if (value) onChange("");
        else event.currentTarget.blur();
      }}
    />
  );
}
