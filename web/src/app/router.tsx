import {
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  parseSearchWith,
  redirect,
  stringifySearchWith,
} from "@tanstack/react-router";
import { ApplicationPage } from "../pages/application/ApplicationPage";
import { ApplicationsPage } from "../pages/applications/ApplicationsPage";
import { AuditPage } from "../pages/audit/AuditPage";
import { LoginPage } from "../pages/entry/LoginPage";
import { SetupPage } from "../pages/entry/SetupPage";
import { UsersPage } from "../pages/users/UsersPage";
import { VersionsPage } from "../pages/versions/VersionsPage";
import { basePath } from "./base";
import { NotFound, Unexpected } from "./Fallback";
import { Shell } from "./shell/Shell";

/** Keeps the named parameters of an address, as strings, and drops the rest. */
function pick<K extends string>(...names: K[]) {
  return (search: Record<string, unknown>): { [P in K]?: string } => {
    const kept: { [P in K]?: string } = {};
    for (const name of names) {
      const value = search[name];
      if (value !== undefined && value !== "") kept[name] = String(value);
    }
    return kept;
  };
}

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: Unexpected });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  component: LoginPage,
  validateSearch: pick("next"),
});
const setup = createRoute({ getParentRoute: () => root, path: "/setup", component: SetupPage });

const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/applications", replace: true });
  },
});
const applications = createRoute({
  getParentRoute: () => shell,
  path: "/applications",
  component: ApplicationsPage,
  validateSearch: pick("q"),
});
const application = createRoute({
  getParentRoute: () => shell,
  path: "/applications/$namespace/$application",
  component: ApplicationPage,
  validateSearch: pick("tab", "file", "left", "right", "release"),
});
const versions = createRoute({
  getParentRoute: () => shell,
  path: "/versions",
  component: VersionsPage,
  validateSearch: pick("q", "group"),
});
const audit = createRoute({
  getParentRoute: () => shell,
  path: "/audit",
  component: AuditPage,
  validateSearch: pick("q", "result"),
});
const users = createRoute({ getParentRoute: () => shell, path: "/users", component: UsersPage });
const elsewhere = createRoute({ getParentRoute: () => shell, path: "$", component: NotFound });

const tree = root.addChildren([
  login,
  setup,
  shell.addChildren([home, applications, application, versions, audit, users, elsewhere]),
]);

export const router = createRouter({
  routeTree: tree,
  basepath: basePath,
  scrollRestoration: true,
  // Parameters are plain text: `?q=12` is the text "12".
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith((value) => String(value)),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
