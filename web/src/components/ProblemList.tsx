import { Badge, Box, Group, List, Stack, Text, UnstyledButton } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Problem } from "../api/types";

type Props = { problems: Problem[]; onGoTo?: (problem: Problem) => void };

/** "catalog.toml:4:8", as far as it is known. */
export function placeOf(problem: Problem): string {
  return [problem.file?.split("/").pop(), problem.line, problem.column].filter(Boolean).join(":");
}

/** What a service or the checker refuses: place, reason, and what to do. */
export function ProblemList({ problems, onGoTo }: Props) {
  const { t } = useTranslation();
  return (
    <List listStyleType="none" spacing={6} aria-label={t("editor.problems")} w="100%">
      {problems.map((problem, index) => {
        const place = placeOf(problem);
        const color = problem.severity === "warning" ? "orange" : "red";
        const body = (
          <Stack gap={1}>
            <Group gap={6} wrap="wrap">
              {problem.code && (
                <Badge size="sm" color={color} ff="monospace">
                  {problem.code}
                </Badge>
              )}
              {place && (
                <Text fz="xs" ff="monospace" c="dimmed">
                  {onGoTo && problem.line ? t("problem.line", { line: problem.line }) : place}
                </Text>
              )}
              <Text fz="sm" style={{ overflowWrap: "anywhere" }}>
                {problem.key && !problem.message.includes(problem.key) && (
                  <Text span inherit ff="monospace" fz="xs">
                    {problem.key}:{" "}
                  </Text>
                )}
                {problem.message}
              </Text>
            </Group>
            {problem.hint && (
              <Text fz="xs" c="dimmed">
                {problem.hint}
              </Text>
            )}
          </Stack>
        );
        return (
          <List.Item
            // biome-ignore lint/suspicious/noArrayIndexKey: the same problem may stand twice in one list
            key={`${place}${problem.message}${index}`}
            styles={{ itemWrapper: { width: "100%" }, itemLabel: { width: "100%" } }}
          >
            <Box pl={8} style={{ borderLeft: `2px solid var(--mantine-color-${color}-5)` }}>
              {onGoTo && problem.line ? (
                <UnstyledButton w="100%" onClick={() => onGoTo(problem)}>
                  {body}
                </UnstyledButton>
              ) : (
                body
              )}
            </Box>
          </List.Item>
        );
      })}
    </List>
  );
}
