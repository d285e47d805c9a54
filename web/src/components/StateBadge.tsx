import { Badge, type MantineSize } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconClock,
  IconHelpCircle,
  IconPlayerPause,
  IconVersions,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { ConfigState, ReleaseState } from "../api/types";

const CONFIG = {
  loaded: ["teal", IconCircleCheck],
  written: ["blue", IconClock],
  refused: ["red", IconAlertTriangle],
  unknown: ["gray", IconHelpCircle],
  none: ["gray", IconCircleDashed],
} as const;

const RELEASE = {
  publishing: ["blue", IconClock],
  written: ["blue", IconClock],
  complete: ["teal", IconCircleCheck],
  refused: ["red", IconAlertTriangle],
  failed: ["red", IconAlertTriangle],
  interrupted: ["orange", IconPlayerPause],
  superseded: ["gray", IconVersions],
} as const;

/** Whether a pod (or all pods) has loaded what is published: by icon and word, not by colour alone. */
export function ConfigBadge({ state, size }: { state: ConfigState; size?: MantineSize }) {
  const { t } = useTranslation();
  const [color, Icon] = CONFIG[state] ?? CONFIG.unknown;
  return (
    <Badge color={color} size={size} leftSection={<Icon size={13} className={state === "written" ? "pulse" : ""} />}>
      {t(`state.config.${state}`)}
    </Badge>
  );
}

/** How far a release has come. */
export function ReleaseBadge({ state, size }: { state: ReleaseState; size?: MantineSize }) {
  const { t } = useTranslation();
  const [color, Icon] = RELEASE[state] ?? RELEASE.interrupted;
  const moving = state === "publishing" || state === "written";
  return (
    <Badge color={color} size={size} leftSection={<Icon size={13} className={moving ? "pulse" : ""} />}>
      {t(`state.release.${state}`)}
    </Badge>
  );
}
