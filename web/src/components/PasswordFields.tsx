import { PasswordInput } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** The fewest characters of a password; the server has the last word. */
const MIN = 12;

export type NewPassword = { first: string; again: string };

export function isGood({ first, again }: NewPassword): boolean {
  return [...first].length >= MIN && first === again;
}

type Props = { label: string; value: NewPassword; onChange: (value: NewPassword) => void; autoFocus?: boolean };

/** A new password, typed twice. */
export function PasswordFields({ label, value, onChange, autoFocus = false }: Props) {
  const { t } = useTranslation();
  const short = value.first !== "" && [...value.first].length < MIN;
  const differs = value.again !== "" && value.again !== value.first;
  return (
    <>
      <PasswordInput
        label={label}
        description={t("password.rule", { min: MIN })}
        autoComplete="new-password"
        autoFocus={autoFocus}
        required
        value={value.first}
        error={short ? t("password.short", { min: MIN }) : undefined}
        onChange={(event) => onChange({ ...value, first: event.currentTarget.value })}
      />
      <PasswordInput
        label={t("password.again")}
        autoComplete="new-password"
        required
        value={value.again}
        error={differs ? t("password.differs") : undefined}
        onChange={(event) => onChange({ ...value, again: event.currentTarget.value })}
      />
    </>
  );
}
