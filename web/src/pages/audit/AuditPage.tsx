import { Button, Center, Group, Select, Skeleton, Stack, Text } from "@mantine/core";
import { IconHistoryOff, IconZoomExclamation } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { get } from "../../api/client";
import type { AuditPage as AuditAnswer, AuditRow } from "../../api/types";
import { Empty } from "../../components/Empty";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Page } from "../../components/Page";
import { SearchBox } from "../../components/SearchBox";
import { Surface } from "../../components/Surface";
import { timeZone } from "../../i18n/time";
import { AuditTable } from "./AuditTable";

const PAGE = 50;
const RESULTS = ["ok", "denied", "failed"] as const;

function matches(row: AuditRow, filter: string): boolean {
  const text = `${row.actor} ${row.address} ${row.action} ${row.object} ${row.result}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Who changed what, when, from where. The filter reaches over the rows that are loaded. */
export function AuditPage() {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ from: "/shell/audit" });
  const q = search.q ?? "";
  const audit = useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam, signal }) =>
      get<AuditAnswer>(`audit?limit=${PAGE}${pageParam ? `&before=${pageParam}` : ""}`, signal),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
  });
  const all = audit.data?.pages.flatMap((page) => page.items) ?? [];
  const shown = all.filter((row) => (!search.result || row.result === search.result) && matches(row, q));
  const go = (change: { q?: string; result?: string }) =>
    navigate({ to: ".", search: { q: q || undefined, result: search.result, ...change }, replace: true });

  return (
    <Page
      title={t("nav.audit")}
      lead={t("audit.lead", { zone: timeZone(i18n.language) })}
      aside={
        <Group gap="xs" w={{ base: "100%", sm: "auto" }}>
          <Select
            aria-label={t("column.result")}
            w={130}
            value={search.result ?? ""}
            onChange={(value) => go({ result: value || undefined })}
            data={[
              { value: "", label: t("audit.allResults") },
              ...RESULTS.map((value) => ({ value, label: t(`audit.result.${value}`) })),
            ]}
          />
          <SearchBox label={t("audit.search")} value={q} onChange={(value) => go({ q: value || undefined })} />
        </Group>
      }
    >
      <Stack gap="sm">
        {audit.error && <ErrorNotice error={audit.error} retry={() => audit.refetch()} />}
        {audit.isPending && <Skeleton h={320} radius="md" />}
        {audit.data && (
          <Surface>
            {shown.length > 0 ? (
              <AuditTable rows={shown} />
            ) : (
              <Empty
                icon={all.length === 0 ? IconHistoryOff : IconZoomExclamation}
                title={all.length === 0 ? t("audit.emptyTitle") : t("audit.noMatch")}
              >
                {all.length === 0 ? t("audit.emptyDetail") : t("audit.noMatchDetail")}
              </Empty>
            )}
          </Surface>
        )}
        {audit.data && (
          <Center>
            {audit.hasNextPage ? (
              <Button variant="default" loading={audit.isFetchingNextPage} onClick={() => audit.fetchNextPage()}>
                {t("audit.older")}
              </Button>
            ) : (
              <Text fz="xs" c="dimmed">
                {t("audit.end", { count: all.length })}
              </Text>
            )}
          </Center>
        )}
      </Stack>
    </Page>
  );
}
