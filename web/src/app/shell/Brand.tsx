import { Group, Text } from "@mantine/core";

/** The mark: an inkstone seen from above, with ground cinnabar in its well. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#1b2430" />
      <path d="M9 8.5h14v15H9z" fill="none" stroke="#e9edf2" strokeWidth="2" strokeLinejoin="round" />
      <path d="M12.5 12.5h7v3.2c0 1.2-1.6 2.1-3.5 2.1s-3.5-.9-3.5-2.1z" fill="#c8402f" />
    </svg>
  );
}

export function Brand({ size = 24 }: { size?: number }) {
  return (
    <Group gap={9} wrap="nowrap">
      <Mark size={size} />
      <Text fw={650} fz={size * 0.66} style={{ letterSpacing: "-0.01em" }}>
        Inkstone
      </Text>
    </Group>
  );
}
