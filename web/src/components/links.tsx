import { Anchor, type AnchorProps, Paper, type PaperProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { ComponentProps } from "react";

type Native = Omit<ComponentProps<"a">, keyof AnchorProps>;

/** A text link inside the console, with typed addresses. */
export const AnchorLink = createLink((props: AnchorProps & Native) => <Anchor {...props} />);

/** A whole sheet that leads somewhere. */
export const PaperLink = createLink((props: PaperProps & Omit<ComponentProps<"a">, keyof PaperProps>) => (
  <Paper component="a" {...props} />
));
