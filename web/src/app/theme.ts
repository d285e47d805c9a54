import {
  ActionIcon,
  Badge,
  Button,
  type CSSVariablesResolver,
  createTheme,
  type MantineColorsTuple,
  Modal,
  NavLink,
  Paper,
  PasswordInput,
  SegmentedControl,
  Select,
  Table,
  TableScrollContainer,
  Tabs,
  Textarea,
  TextInput,
  Tooltip,
} from "@mantine/core";

const ink: MantineColorsTuple = [
  "#edf4f7",
  "#dae7ed",
  "#b5cedb",
  "#8db3c7",
  "#6b9cb6",
  "#5089a7",
  "#3f7897",
  "#2f637f",
  "#234f67",
  "#173a4e",
];
const seal: MantineColorsTuple = [
  "#fdefec",
  "#f8dcd6",
  "#efb6ab",
  "#e68e7e",
  "#de6d58",
  "#d65541",
  "#c8402f",
  "#ad3324",
  "#922a1d",
  "#6f1f15",
];
const stone: MantineColorsTuple = [
  "#f7f8f9",
  "#f0f2f4",
  "#e5e8eb",
  "#d8dde2",
  "#c3cad1",
  "#9aa4ae",
  "#6d7883",
  "#4e5862",
  "#323a43",
  "#1e242b",
];
const night: MantineColorsTuple = [
  "#d3dae1",
  "#b3bcc6",
  "#8f9aa6",
  "#6c7783",
  "#39434e",
  "#2c343e",
  "#20272f",
  "#161b21",
  "#11151a",
  "#0b0e12",
];

const sans =
  '"Inter Variable", -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif';

export const mono =
  '"JetBrains Mono Variable", ui-monospace, "SF Mono", Consolas, "PingFang SC", "Microsoft YaHei", "Noto Sans Mono CJK SC", monospace';

export const theme = createTheme({
  colors: { ink, seal, gray: stone, dark: night },
  primaryColor: "ink",
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
  fontFamily: sans,
  fontFamilyMonospace: mono,
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  lineHeights: { xs: "1.4", sm: "1.45", md: "1.5", lg: "1.5", xl: "1.5" },
  headings: {
    fontFamily: sans,
    fontWeight: "600",
    sizes: {
      h1: { fontSize: "1.25rem", lineHeight: "1.3" },
      h2: { fontSize: "1rem", lineHeight: "1.4" },
      h3: { fontSize: "0.875rem", lineHeight: "1.4" },
    },
  },
  radius: { xs: "3px", sm: "5px", md: "7px", lg: "10px", xl: "14px" },
  defaultRadius: "sm",
  shadows: {
    sm: "0 1px 2px rgb(16 24 32 / 6%)",
    md: "0 4px 14px rgb(16 24 32 / 10%)",
    xl: "0 14px 44px rgb(16 24 32 / 20%)",
  },
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: "subtle", color: "gray", size: "md" } }),
    Badge: Badge.extend({
      defaultProps: { variant: "light", radius: "sm", size: "md" },
      styles: {
        root: {
          textTransform: "none",
          fontWeight: 500,
          letterSpacing: 0,
          flexShrink: 0,
          maxWidth: "100%",
          minWidth: "max-content",
        },
      },
    }),
    Button: Button.extend({ defaultProps: { size: "xs" }, styles: { label: { fontWeight: 550 } } }),
    Modal: Modal.extend({
      defaultProps: { overlayProps: { backgroundOpacity: 0.35, blur: 1 }, radius: "md", shadow: "xl", padding: "lg" },
      styles: { title: { fontWeight: 600, fontSize: "1rem" } },
    }),
    NavLink: NavLink.extend({ styles: { root: { borderRadius: "5px" } } }),
    Paper: Paper.extend({ defaultProps: { radius: "md" } }),
    PasswordInput: PasswordInput.extend({ defaultProps: { size: "sm" } }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: "xs" } }),
    Select: Select.extend({ defaultProps: { size: "xs", allowDeselect: false, comboboxProps: { shadow: "md" } } }),
    TableScrollContainer: TableScrollContainer.extend({ defaultProps: { type: "native" } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: 7, horizontalSpacing: "sm", fz: "sm" } }),
    Tabs: Tabs.extend({ styles: { tab: { fontWeight: 550, paddingInline: 12 } } }),
    TextInput: TextInput.extend({ defaultProps: { size: "sm" } }),
    Textarea: Textarea.extend({ defaultProps: { size: "sm", autosize: true, minRows: 2 } }),
    Tooltip: Tooltip.extend({
      defaultProps: { withArrow: true, openDelay: 250, fz: "xs", events: { hover: true, focus: true, touch: true } },
    }),
  },
});

const TINTED = ["ink", "seal", "gray", "teal", "blue", "red", "orange", "grape"];

/** Quiet backgrounds for badges and notices, with text dark (or light) enough to read on them. */
function tints(share: number, over: number, text: (color: string) => string): Record<string, string> {
  return Object.fromEntries(
    TINTED.flatMap((color) => [
      [`--mantine-color-${color}-light`, `color-mix(in srgb, var(--mantine-color-${color}-6) ${share}%, transparent)`],
      [
        `--mantine-color-${color}-light-hover`,
        `color-mix(in srgb, var(--mantine-color-${color}-6) ${over}%, transparent)`,
      ],
      [`--mantine-color-${color}-light-color`, text(color)],
    ]),
  );
}

/** Colours that both schemes need with enough contrast for small text. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    ...tints(11, 17, (color) => `color-mix(in srgb, var(--mantine-color-${color}-9) 82%, black)`),
    "--mantine-color-teal-text": "#08704f",
    "--mantine-color-red-text": "#b42323",
    "--mantine-color-orange-text": "#a84300",
    "--mantine-color-body": "#ffffff",
    "--mantine-color-dimmed": "#5a6570",
    "--mantine-color-text": "#1b2229",
    "--mantine-color-default-border": "#dde2e7",
    "--ink-canvas": "#f5f6f8",
    "--ink-surface": "#ffffff",
    "--ink-inset": "#f7f8fa",
    "--ink-added": "#e2f4e8",
    "--ink-added-strong": "#b5e3c4",
    "--ink-removed": "#fdeae7",
    "--ink-removed-strong": "#f7c3bb",
    "--ink-syntax-key": "#1f5d86",
    "--ink-syntax-string": "#2d6f48",
    "--ink-syntax-number": "#a4501e",
    "--ink-syntax-header": "#8a2c66",
    "--ink-syntax-comment": "#5d6872",
  },
  dark: {
    ...tints(17, 24, (color) => `color-mix(in srgb, var(--mantine-color-${color}-3) 80%, white)`),
    "--mantine-color-body": "#161b21",
    "--mantine-color-dimmed": "#98a4b0",
    "--mantine-color-text": "#d8dee5",
    "--mantine-color-default-border": "#2b333d",
    "--ink-canvas": "#101419",
    "--ink-surface": "#161b21",
    "--ink-inset": "#12171c",
    "--ink-added": "#163425",
    "--ink-added-strong": "#245c3e",
    "--ink-removed": "#3c1f1e",
    "--ink-removed-strong": "#6d3029",
    "--ink-syntax-key": "#86bde0",
    "--ink-syntax-string": "#93cfa5",
    "--ink-syntax-number": "#e5a672",
    "--ink-syntax-header": "#dd9cc6",
    "--ink-syntax-comment": "#7f8b97",
  },
});
