import type { Application, ConfigFile, FileRef, Pod, PodConfig } from "../../api/types";

/** A file as it stands in the address: `configmap/key`. */
export function fileKey(file: { configmap: string; key: string }): string {
  return `${file.configmap}/${file.key}`;
}

/** The file that the address names; the first one when it names none or one that is gone. */
export function chosenFile(application: Application, wanted: string | undefined): ConfigFile | undefined {
  return application.files.find((file) => fileKey(file) === wanted) ?? application.files[0];
}

export function refOf(application: Application, file: { configmap: string; key: string }): FileRef {
  return {
    namespace: application.namespace,
    application: application.name,
    configmap: file.configmap,
    key: file.key,
  };
}

/** What a pod says about one file. */
export function configOf(pod: Pod, file: { configmap: string; key: string }): PodConfig | undefined {
  return pod.config.find((entry) => entry.configmap === file.configmap && entry.key === file.key);
}
