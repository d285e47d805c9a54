import { Box, Group, ScrollArea, Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconEye } from "@tabler/icons-react";
import type { RefObject } from "react";
import { useTranslation } from "react-i18next";
import type { ConfigFile, Problem } from "../../api/types";
import { ProblemList } from "../../components/ProblemList";
import { Surface } from "../../components/Surface";
import { Editor, type EditorHandle } from "../../editor/Editor";
import classes from "./EditorPane.module.css";

type Props = {
  file: ConfigFile;
  value: string;
  problems: Problem[] | undefined;
  readOnly: boolean;
  handle: RefObject<EditorHandle | null>;
  check?: (content: string) => Promise<Problem[]>;
  onChange: (value: string) => void;
};

/** The editor, and under it what the checker says about the text. */
export function EditorPane({ file, value, problems, readOnly, handle, check, onChange }: Props) {
  const { t } = useTranslation();
  return (
    <Surface className={classes.pane}>
      <Box className={classes.editor}>
        <Editor
          value={value}
          onChange={onChange}
          check={check}
          readOnly={readOnly}
          language={file.content_type || file.key}
          label={t("editor.label", { file: file.key })}
          handle={handle}
        />
      </Box>
      <Box className={classes.status}>
        {problems && problems.length > 0 && (
          <ScrollArea.Autosize mah={150} px="sm" pt={8}>
            <ProblemList problems={problems} onGoTo={(problem) => handle.current?.goTo(problem)} />
          </ScrollArea.Autosize>
        )}
        <Group justify="space-between" px="sm" py={5} gap="xs">
          <Verdict problems={problems} readOnly={readOnly} />
          <Text fz="xs" c="dimmed" className="figures">
            {t("editor.lines", { count: value.split("\n").length })}
          </Text>
        </Group>
      </Box>
    </Surface>
  );
}

function Verdict({ problems, readOnly }: { problems: Problem[] | undefined; readOnly: boolean }) {
  const { t } = useTranslation();
  const [Icon, color, text] = readOnly
    ? ([IconEye, "dimmed", t("role.cannotEdit")] as const)
    : !problems
      ? ([IconCircleCheck, "dimmed", t("editor.notChecked")] as const)
      : problems.length === 0
        ? ([IconCircleCheck, "teal", t("editor.noProblems")] as const)
        : ([IconAlertTriangle, "red", t("editor.problemCount", { count: problems.length })] as const);
  return (
    <Group gap={6} wrap="nowrap" role="status">
      <Text span c={color} lh={0}>
        <Icon size={14} />
      </Text>
      <Text fz="xs" c={color === "teal" ? "dimmed" : color}>
        {text}
      </Text>
    </Group>
  );
}
