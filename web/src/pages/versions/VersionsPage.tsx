import { Group, SegmentedControl, Skeleton, Stack } from "@mantine/core";
import { IconZoomExclamation } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { versionsQuery } from "../../api/queries";
import { Empty } from "../../components/Empty";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Page } from "../../components/Page";
import { SearchBox } from "../../components/SearchBox";
import { Surface } from "../../components/Surface";
import { GROUPINGS, type Grouping, groupsOf, matches } from "./groups";
import { VersionCards } from "./VersionCards";
import { VersionTable } from "./VersionTable";

/** Which build of what runs where: every pod, and the console itself. */
export function VersionsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ from: "/shell/versions" });
  const q = search.q ?? "";
  const grouping: Grouping = GROUPINGS.find((name) => name === search.group) ?? "application";
  const versions = useQuery(versionsQuery);
  const rows = (versions.data ?? []).filter((row) => matches(row, q));
  const groups = groupsOf(rows, grouping);
  const go = (change: { q?: string; group?: string }) =>
    navigate({ to: ".", search: { q: q || undefined, group: search.group, ...change }, replace: true });

  return (
    <Page
      title={t("nav.versions")}
      lead={t("versions.lead")}
      aside={
        <Group gap="xs" w={{ base: "100%", sm: "auto" }}>
          <SegmentedControl
            aria-label={t("versions.groupBy")}
            value={grouping}
            onChange={(group) => go({ group })}
            data={GROUPINGS.map((value) => ({ value, label: t(`versions.group.${value}`) }))}
          />
          <SearchBox label={t("versions.search")} value={q} onChange={(value) => go({ q: value || undefined })} />
        </Group>
      }
    >
      <Stack gap="sm">
        {versions.error && <ErrorNotice error={versions.error} retry={() => versions.refetch()} />}
        {versions.isPending && <Skeleton h={260} radius="md" />}
        {versions.data && groups.length === 0 && (
          <Surface>
            <Empty icon={IconZoomExclamation} title={q ? t("empty.noMatch", { q }) : t("versions.emptyTitle")}>
              {t("versions.emptyDetail")}
            </Empty>
          </Surface>
        )}
        {groups.length > 0 && (
          <Surface>
            <VersionTable groups={groups} grouping={grouping} />
            <VersionCards groups={groups} grouping={grouping} />
          </Surface>
        )}
      </Stack>
    </Page>
  );
}
