import type { Application, ConfigFile, ConfigState } from "../../api/types";

/** The worst state of a file over all pods: one refusal matters more than many successes. */
export function worstState(application: Application, file: ConfigFile): ConfigState {
  const states = application.pods.flatMap((pod) =>
    pod.config
      .filter((entry) => entry.configmap === file.configmap && entry.key === file.key)
      .map((entry) => entry.state),
  );
  return (["refused", "written", "unknown", "loaded"] as const).find((state) => states.includes(state)) ?? "none";
}
