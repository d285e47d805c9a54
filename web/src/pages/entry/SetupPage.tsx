import { Alert, Button, Code, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { post, rememberCsrf } from "../../api/client";
import { sessionQuery } from "../../api/queries";
import type { Session } from "../../api/types";
import { ErrorNotice } from "../../components/ErrorNotice";
import { isGood, PasswordFields } from "../../components/PasswordFields";
import { Entry } from "./Entry";

/** The token of the one-time link. It stands behind `#`, so that it reaches no log. */
function tokenOfLink(): string {
  return new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
}

/** The first start: the holder of the one-time link makes the first administrator. */
export function SetupPage() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const router = useRouter();
  const session = useQuery(sessionQuery);
  const [linked] = useState(tokenOfLink);
  const [token, setToken] = useState(linked);
  const [name, setName] = useState("admin");
  const [password, setPassword] = useState({ first: "", again: "" });
  const setup = useMutation({
    mutationFn: () => post<Session>("setup", { token: token.trim(), name: name.trim(), password: password.first }),
    onSuccess: (answer) => {
      if (answer?.csrf) rememberCsrf(answer.csrf);
      return client.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
  });

  const done = session.data && !session.data.setup ? (session.data.user ? "/applications" : "/login") : undefined;
  useEffect(() => {
    if (done) router.navigate({ to: done, replace: true });
  }, [done, router]);

  const ready = token.trim() && name.trim() && isGood(password);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) setup.mutate();
  };
  return (
    <Entry title={t("setup.title")} lead={t("setup.lead")}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {setup.error && <ErrorNotice error={setup.error} />}
          {!linked && (
            <>
              <Alert color="ink" title={t("setup.noToken")}>
                <Text size="sm">{t("setup.noTokenDetail")}</Text>
                <Code block mt={6} fz="xs" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
                  {`${document.baseURI}setup#token=…`}
                </Code>
              </Alert>
              <TextInput
                label={t("setup.token")}
                required
                spellCheck={false}
                value={token}
                onChange={(event) => setToken(event.currentTarget.value)}
              />
            </>
          )}
          <TextInput
            label={t("login.name")}
            description={t("setup.nameHint")}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordFields
            label={t("login.password")}
            value={password}
            onChange={setPassword}
            autoFocus={Boolean(linked)}
          />
          <Button type="submit" size="sm" mt={4} loading={setup.isPending} disabled={!ready}>
            {t("setup.submit")}
          </Button>
        </Stack>
      </form>
    </Entry>
  );
}
