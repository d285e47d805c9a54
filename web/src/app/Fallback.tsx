import { Button, Code, Container, Group, Stack, Text, Title } from "@mantine/core";
import { type ErrorComponentProps, Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

/** An address that leads nowhere. */
export function NotFound() {
  const { t } = useTranslation();
  return (
    <Container size="xs" py={96}>
      <Stack>
        <Title order={1}>{t("notFound.title")}</Title>
        <Text c="dimmed">{t("notFound.detail")}</Text>
        <Group>
          <Button component={Link} to="/applications">
            {t("notFound.back")}
          </Button>
        </Group>
      </Stack>
    </Container>
  );
}

/** A fault of the page itself; what was typed is kept in the browser's session storage. */
export function Unexpected({ error }: ErrorComponentProps) {
  const { t } = useTranslation();
  return (
    <Container size="sm" py={96}>
      <Stack>
        <Title order={1}>{t("error.unexpected")}</Title>
        <Text c="dimmed">{t("error.unexpectedDetail")}</Text>
        <Code block>{error instanceof Error ? error.message : String(error)}</Code>
        <Group>
          <Button onClick={() => location.reload()}>{t("action.reload")}</Button>
        </Group>
      </Stack>
    </Container>
  );
}
