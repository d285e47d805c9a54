// Every page in both languages, both colour schemes, wide and narrow: `npm run screenshots DIR`.
// ONLY=regex limits the pages, LOOK=regex limits the combinations ("en-light-wide").
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { startMock } from "../mock/server";
import { State } from "../mock/state";
import { launch } from "./browser";

const dir = resolve(process.argv[2] ?? "screenshots");
const only = new RegExp(process.env.ONLY ?? "");
const look = new RegExp(process.env.LOOK ?? "");
const dist = resolve(import.meta.dirname, "../dist");
const base = "/console/";

const app = "applications/shop/catalog";
const typeAtEnd = async (page: Page, text: string) => {
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Control+End");
  await page.keyboard.insertText(text);
};
const id = (state: State, name: string, index: number) => state.app("shop", name)!.files[0]!.releases[index]!.id;
const button = (page: Page, name: RegExp) => page.getByRole("button", { name }).first();

type Shot = {
  name: string;
  path: string | ((state: State) => string);
  act?: (page: Page, state: State) => Promise<unknown>;
};

const SHOTS: Shot[] = [
  { name: "applications", path: "applications" },
  { name: "applications-nomatch", path: "applications?q=nothing" },
  { name: "overview", path: app },
  { name: "overview-refused", path: "applications/shop/storefront" },
  { name: "configuration", path: `${app}?tab=configuration` },
  {
    name: "configuration-problems",
    path: `${app}?tab=configuration`,
    act: async (page) => {
      await typeAtEnd(page, '\n[sqlite.archive]\npaht = "/var/lib/archive.db"\npool_size = "many"\n');
      await page.locator(".cm-lintRange-error").first().waitFor();
    },
  },
  { name: "configuration-empty", path: `${app}?tab=configuration&file=catalog/features.toml` },
  { name: "configuration-refused", path: "applications/shop/storefront?tab=configuration" },
  {
    name: "save",
    path: `${app}?tab=configuration`,
    act: async (page) => {
      await typeAtEnd(page, 'format = "json"\n');
      await page.keyboard.press("Control+s");
      await page.getByRole("dialog").locator(".cm-mergeView, .cm-editor").first().waitFor();
    },
  },
  {
    name: "stale",
    path: `${app}?tab=configuration`,
    act: async (page, state) => {
      await typeAtEnd(page, "# mine\n");
      const file = state.app("shop", "catalog")!.files[0]!;
      state.save(file, "li.wei", "Round to whole euros", file.live.replace("rounding = 2", "rounding = 0"));
      await page.waitForTimeout(5_600);
      await page.keyboard.press("Control+s");
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "compare",
    path: (state) =>
      `${app}?tab=configuration&left=live&right=${state.app("shop", "catalog")!.files[0]!.revisions.at(-1)!.id}`,
  },
  {
    name: "publish",
    path: `${app}?tab=configuration`,
    act: async (page) => {
      await button(page, /^(Publish…|发布…)$/).click();
      await page.getByRole("dialog").locator(".cm-editor").first().waitFor();
    },
  },
  { name: "releases", path: `${app}?tab=releases` },
  { name: "release-complete", path: (state) => `${app}?tab=releases&release=${id(state, "catalog", 0)}` },
  {
    name: "release-refused",
    path: (state) => `applications/shop/storefront?tab=releases&release=${id(state, "storefront", 0)}`,
  },
  {
    name: "release-running",
    path: `${app}?tab=configuration`,
    act: async (page, state) => {
      state.loadDelay = 1_200;
      await button(page, /^(Publish…|发布…)$/).click();
      await button(page, /^(Publish #|发布 #)/).click();
      await page.waitForTimeout(2_000);
    },
  },
  { name: "versions", path: "versions" },
  { name: "versions-commit", path: "versions?group=commit&q=ci" },
  {
    name: "audit",
    path: "audit",
    act: (page) => page.locator("main button[aria-expanded]").locator("visible=true").nth(2).click(),
  },
  { name: "users", path: "users" },
  { name: "users-add", path: "users", act: (page) => button(page, /Add user|添加用户/).click() },
  { name: "shortcuts", path: "applications", act: (page) => page.keyboard.press("?") },
  { name: "palette", path: "applications", act: (page) => page.keyboard.press("Control+k") },
  {
    name: "account",
    path: "applications",
    act: (page) => page.locator('[aria-haspopup="menu"]').locator("visible=true").first().click(),
  },
  { name: "not-found", path: "nowhere" },
];

function complain(text: string): void {
  console.error(text);
  process.exitCode = 1;
}

async function shoot(browser: Browser, language: string, scheme: "light" | "dark", width: "wide" | "narrow") {
  const label = `${language}-${scheme}-${width}`;
  const viewport = width === "wide" ? { width: 1440, height: 900 } : { width: 390, height: 844 };
  const make = async (state: State) => {
    const mock = await startMock({ base, dist, state });
    const context = await browser.newContext({
      viewport,
      colorScheme: scheme,
      locale: language,
      timezoneId: "Europe/Berlin",
    });
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    page.on("pageerror", (error) => complain(`  ${label}: ${error}`));
    page.on(
      "console",
      (message) =>
        message.type() === "error" &&
        !/status of 401/.test(message.text()) &&
        complain(`  ${label}: ${message.text()}`),
    );
    page.on("dialog", (dialog) => dialog.accept());
    return { mock, page, context, state };
  };
  const keep = (page: Page, name: string) =>
    page.screenshot({ path: `${dir}/${name}.${label}.png`, animations: "disabled" });

  if (only.test("setup login empty")) {
    const { mock, page, context } = await make(new State());
    mock.state.apps = [];
    await page.goto(`${mock.url}setup#token=${mock.state.setupToken}`);
    await page.locator("form").waitFor();
    await keep(page, "setup");
    await page.goto(`${mock.url}setup`);
    await page.reload();
    await page.locator("form").waitFor();
    await keep(page, "setup-no-token");
    mock.state.users = new State().withHistory().users;
    await page.goto(`${mock.url}login`);
    await page.locator("input[type=password]").fill("wrong password!");
    await page.locator("input").first().fill("admin");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await keep(page, "login");
    await signIn(page, mock.url);
    await keep(page, "applications-empty");
    await context.close();
    await mock.close();
  }
  for (const shot of SHOTS.filter(({ name }) => only.test(name))) {
    const { mock, page, context, state } = await make(new State().withHistory());
    try {
      await signIn(page, mock.url);
      await page.goto(mock.url + (typeof shot.path === "string" ? shot.path : shot.path(state)));
      await page.waitForLoadState("networkidle").catch(() => undefined);
      await page.waitForTimeout(500);
      await shot.act?.(page, state);
      await page.waitForTimeout(350);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) complain(`  ${label} ${shot.name}: the page is ${overflow} px too wide`);
      await keep(page, shot.name);
    } catch (error) {
      complain(`  ${label} ${shot.name}: ${error}`);
      await keep(page, `${shot.name}.FAILED`);
    }
    await context.close();
    await mock.close();
  }
}

async function signIn(page: Page, url: string) {
  await page.goto(`${url}login`);
  await page.locator("input[type=password]").fill("correct horse battery");
  await page.locator("input").first().fill("admin");
  await page.keyboard.press("Enter");
  await page.waitForURL(/applications/);
  await page.locator("main h1, h1").first().waitFor();
}

mkdirSync(dir, { recursive: true });
const browser = await launch();
for (const language of ["en", "zh-CN"]) {
  for (const scheme of ["light", "dark"] as const) {
    for (const width of ["wide", "narrow"] as const) {
      if (look.test(`${language}-${scheme}-${width}`)) await shoot(browser, language, scheme, width);
    }
  }
}
await browser.close();
