/** The path under which the console is served, with a trailing slash: the server writes it into `<base href>`. */
export const basePath = new URL(document.baseURI).pathname.replace(/[^/]*$/, "");

/** Address of an API path, for example `api("session")`. */
export function api(path: string): string {
  return `${basePath}api/v1/${path}`;
}
