import { Spotlight, type SpotlightActionData, type SpotlightActionGroupData } from "@mantine/spotlight";
import { IconBox, IconFileText, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { applicationsQuery } from "../../api/queries";
import { useSections } from "./Navigation";

/** Jump to any page or application by name (Ctrl/Cmd+K). */
export function Palette() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const sections = useSections();
  const applications = useQuery({ ...applicationsQuery, refetchInterval: false }).data ?? [];

  const pages: SpotlightActionData[] = sections.map(({ to, label, icon: Icon }) => ({
    id: to,
    label,
    leftSection: <Icon size={17} stroke={1.7} />,
    onClick: () => navigate({ to }),
  }));
  const apps: SpotlightActionData[] = applications.flatMap(({ namespace, name }) => {
    const open = (tab: string) => () =>
      navigate({
        to: "/applications/$namespace/$application",
        params: { namespace, application: name },
        search: { tab },
      });
    const id = `${namespace}/${name}`;
    return [
      {
        id,
        label: name,
        description: namespace,
        leftSection: <IconBox size={17} stroke={1.7} />,
        onClick: open("overview"),
      },
      {
        id: `${id}/configuration`,
        label: t("palette.configuration", { name }),
        description: namespace,
        leftSection: <IconFileText size={17} stroke={1.7} />,
        onClick: open("configuration"),
      },
    ];
  });
  const actions: SpotlightActionGroupData[] = [
    { group: t("palette.pages"), actions: pages },
    { group: t("nav.applications"), actions: apps },
  ];
  return (
    <Spotlight
      actions={actions}
      shortcut={["mod + K"]}
      limit={12}
      highlightQuery
      scrollable
      maxHeight={420}
      nothingFound={t("palette.nothing")}
      searchProps={{
        leftSection: <IconSearch size={17} />,
        placeholder: t("palette.placeholder"),
        "aria-label": t("palette.placeholder"),
      }}
    />
  );
}
