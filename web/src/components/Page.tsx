import { Box, Container, Group, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";
import { AnchorLink } from "./links";

type Props = {
  title: string;
  /** What the page is for, in one line. */
  lead?: ReactNode;
  /** The pages above this one. */
  trail?: { to: "/applications"; search?: { q?: string }; label: string }[];
  /** Right behind the title. */
  beside?: ReactNode;
  /** At the far end of the heading. */
  aside?: ReactNode;
  children: ReactNode;
  wide?: boolean;
};

/** Heading, trail and content of one page; also names the browser tab. */
export function Page({ title, lead, trail, beside, aside, children, wide = false }: Props) {
  useDocumentTitle(`${title} · Inkstone`);
  return (
    <Container fluid maw={wide ? undefined : 1360} px={{ base: "sm", sm: "lg" }} py={{ base: "sm", sm: "md" }} mx={0}>
      <Group justify="space-between" align="flex-end" mb="sm" gap="sm">
        <Box>
          <Group gap="xs" align="center">
            {trail?.map((step) => (
              <Group key={step.label} gap="xs" wrap="nowrap">
                <AnchorLink {...step} c="dimmed" fz="sm">
                  {step.label}
                </AnchorLink>
                <Text span c="dimmed" aria-hidden>
                  /
                </Text>
              </Group>
            ))}
            <Title order={1}>{title}</Title>
            {beside}
          </Group>
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
