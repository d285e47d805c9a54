import { Group, Skeleton, Stack } from "@mantine/core";
import { IconBoxOff, IconZoomExclamation } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { applicationsQuery } from "../../api/queries";
import { Empty } from "../../components/Empty";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Page } from "../../components/Page";
import { SearchBox } from "../../components/SearchBox";
import { Surface } from "../../components/Surface";
import { ApplicationCards, ApplicationTable } from "./ApplicationList";

/** Every application the console sees in its cluster. */
export function ApplicationsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const q = useSearch({ strict: false, select: (search) => search.q ?? "" });
  const applications = useQuery(applicationsQuery);
  const all = applications.data ?? [];
  const wanted = q.toLowerCase();
  const shown = all.filter(({ namespace, name }) => `${namespace}/${name}`.toLowerCase().includes(wanted));

  return (
    <Page
      title={t("nav.applications")}
      lead={applications.data ? t("applications.count", { count: all.length }) : t("applications.lead")}
      aside={
        <Group w={{ base: "100%", xs: "auto" }}>
          <SearchBox
            label={t("applications.search")}
            value={q}
            onChange={(value) => navigate({ to: ".", search: { q: value || undefined }, replace: true })}
          />
        </Group>
      }
    >
      <Stack>
        {applications.error && <ErrorNotice error={applications.error} retry={() => applications.refetch()} />}
        {applications.isPending && <Skeleton h={220} radius="md" />}
        {applications.data && shown.length > 0 && (
          <>
            <Surface visibleFrom="sm">
              <ApplicationTable items={shown} />
            </Surface>
            <ApplicationCards items={shown} />
          </>
        )}
        {applications.data && shown.length === 0 && (
          <Surface>
            {all.length === 0 ? (
              <Empty icon={IconBoxOff} title={t("applications.emptyTitle")}>
                {t("applications.emptyDetail")}
              </Empty>
            ) : (
              <Empty icon={IconZoomExclamation} title={t("empty.noMatch", { q })}>
                {t("applications.noMatchDetail")}
              </Empty>
            )}
          </Surface>
        )}
      </Stack>
    </Page>
  );
}
