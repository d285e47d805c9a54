import { Skeleton, Stack, Tabs } from "@mantine/core";
import { IconFileText, IconLayoutDashboard, IconRocket } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/client";
import { applicationQuery } from "../../api/queries";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Page } from "../../components/Page";
import { Readiness } from "../applications/ApplicationList";
import { ReleaseDrawer } from "../releases/ReleaseDrawer";
import { ReleasesTab } from "../releases/ReleasesTab";
import { Overview } from "./Overview";

// The editor is the heaviest part of the console; other pages do not wait for it.
const Configuration = lazy(() => import("../configuration/Configuration"));

const TABS = [
  { value: "overview", icon: IconLayoutDashboard },
  { value: "configuration", icon: IconFileText },
  { value: "releases", icon: IconRocket },
] as const;

/** One application: its pods, its configuration, its releases. The tab and the rest of the state stand in the address. */
export function ApplicationPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { namespace, application: name } = useParams({ from: "/shell/applications/$namespace/$application" });
  const search = useSearch({ from: "/shell/applications/$namespace/$application" });
  const application = useQuery(applicationQuery(namespace, name));
  const tab = TABS.some(({ value }) => value === search.tab) ? search.tab! : "overview";
  const data = application.data;
  const ready = data?.pods.filter((pod) => pod.ready).length ?? 0;
  const gone = application.error instanceof ApiError && application.error.status === 404;

  return (
    <Page
      wide
      title={name}
      trail={[
        { to: "/applications", label: t("nav.applications") },
        { to: "/applications", search: { q: `${namespace}/` }, label: namespace },
      ]}
      beside={data && <Readiness ready={ready} total={Math.max(data.replicas, data.pods.length)} />}
    >
      <Stack gap="sm">
        {application.error && (gone || !data) && (
          <ErrorNotice
            error={application.error}
            title={gone ? t("application.gone", { name, namespace }) : undefined}
            retry={() => application.refetch()}
          />
        )}
        {application.isPending && <Skeleton h={300} radius="md" />}
        {data && (
          <Tabs
            value={tab}
            keepMounted={false}
            onChange={(value) => value && navigate({ to: ".", search: { tab: value, file: search.file } })}
          >
            <Tabs.List mb="sm">
              {TABS.map(({ value, icon: Icon }) => (
                <Tabs.Tab key={value} value={value} leftSection={<Icon size={15} stroke={1.7} />}>
                  {t(`application.tab.${value}`)}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            <Tabs.Panel value="overview">
              <Overview application={data} />
            </Tabs.Panel>
            <Tabs.Panel value="configuration">
              <Suspense fallback={<Skeleton h={420} radius="md" />}>
                <Configuration application={data} />
              </Suspense>
            </Tabs.Panel>
            <Tabs.Panel value="releases">
              <ReleasesTab application={data} />
            </Tabs.Panel>
          </Tabs>
        )}
      </Stack>
      {data && search.release && <ReleaseDrawer application={data} id={search.release} />}
    </Page>
  );
}
