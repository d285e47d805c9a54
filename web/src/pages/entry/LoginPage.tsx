import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { post, rememberCsrf } from "../../api/client";
import { sessionQuery } from "../../api/queries";
import type { Session } from "../../api/types";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Entry } from "./Entry";

export function LoginPage() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const router = useRouter();
  const next = useSearch({ strict: false, select: (search) => search.next });
  const session = useQuery(sessionQuery);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const login = useMutation({
    mutationFn: () => post<Session>("login", { name, password }),
    onSuccess: (answer) => {
      if (answer?.csrf) rememberCsrf(answer.csrf);
      return client.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
    onError: () => setPassword(""),
  });
  const signedIn = Boolean(session.data?.user);
  const needsSetup = Boolean(session.data?.setup);

  useEffect(() => {
    // Only a path of this console: an address of elsewhere must not be reachable through the link to this page.
    const inside = next?.startsWith("/") && !next.startsWith("//") && !next.includes("\\");
    if (needsSetup) router.navigate({ to: "/setup", replace: true });
    else if (signedIn && inside) router.navigate({ href: next, replace: true });
    else if (signedIn) router.navigate({ to: "/applications", replace: true });
  }, [needsSetup, signedIn, next, router]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    login.mutate();
  };
  return (
    <Entry title={t("login.title")} lead={next ? t("login.leadNext") : t("login.lead")}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {session.error && <ErrorNotice error={session.error} retry={() => session.refetch()} />}
          {login.error && <ErrorNotice error={login.error} title={t("login.failed")} />}
          <TextInput
            label={t("login.name")}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            autoFocus
            required
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            label={t("login.password")}
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <Button type="submit" size="sm" mt={4} loading={login.isPending} disabled={!name || !password}>
            {t("login.submit")}
          </Button>
        </Stack>
      </form>
    </Entry>
  );
}
