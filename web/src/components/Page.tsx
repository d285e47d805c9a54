import { Anchor, Box, Breadcrumbs, Container, Group, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

type Props = {
  title: string;
  /** What the page is for, in one line. */
  lead?: ReactNode;
  /** The pages above this one. */
  trail?: { to: string; label: string }[];
  /** Beside the title. */
  aside?: ReactNode;
  children: ReactNode;
  wide?: boolean;
};

/** Heading, trail and content of one page; also names the browser tab. */
export function Page({ title, lead, trail, aside, children, wide = false }: Props) {
  useDocumentTitle(`${title} · Inkstone`);
  return (
    <Container fluid maw={wide ? undefined : 1360} px={{ base: "sm", sm: "lg" }} py={{ base: "sm", sm: "md" }} mx={0}>
      {trail && (
        <Breadcrumbs separatorMargin={6} fz="xs" mb={4}>
          {trail.map((step) => (
            <Anchor key={step.to} component={Link} to={step.to} fz="xs" c="dimmed">
              {step.label}
            </Anchor>
          ))}
          <span />
        </Breadcrumbs>
      )}
      <Group justify="space-between" align="flex-end" mb="md" gap="sm">
        <Box>
          <Title order={1}>{title}</Title>
          {lead && (
            <Text size="sm" c="dimmed" component="div">
              {lead}
            </Text>
          )}
        </Box>
        {aside}
      </Group>
      {children}
    </Container>
  );
}
