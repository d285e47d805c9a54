// The front end in a real browser: against the mock, or with INKSTONE_URL (and INKSTONE_SETUP_TOKEN, or
// INKSTONE_USER and INKSTONE_PASSWORD) against a running console whose cluster has the shop.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { startMock } from "../mock/server";
import { launch } from "./browser";
import { Run, seen, signIn } from "./harness";
import { keyboard, mockOnly } from "./mockOnly";
import { scenario } from "./scenario";

const dist = resolve(import.meta.dirname, "../dist");
const real = process.env.INKSTONE_URL;
const password = process.env.INKSTONE_PASSWORD ?? "a long enough pass phrase";
if (!real && !existsSync(`${dist}/index.html`)) {
  console.error("web/dist is missing: run `npm run build` first");
  process.exit(2);
}

const mock = real ? undefined : await startMock({ base: "/some/where/", dist });
const url = mock ? mock.url : `${real!.replace(/\/$/, "")}/`;
const token = process.env.INKSTONE_SETUP_TOKEN ?? mock?.state.setupToken;
const run = new Run();
const browser = await launch();
const context = await browser.newContext({ locale: "en-US", viewport: { width: 1440, height: 900 } });
context.setDefaultTimeout(10_000);
const page = await context.newPage();
run.watch(page);
console.log(`console at ${url}`);

if (token) {
  await run.step("the one-time link makes the first administrator and signs in", page, async () => {
    await page.goto(url);
    await seen(page.getByText("Open the one-time link"));
    await page.goto(`${url}setup#token=${token}`);
    await page.reload();
    await page.getByLabel("Password").first().fill(password);
    await page.getByLabel("The same again").fill(password);
    await page.keyboard.press("Enter");
    await seen(page.getByRole("heading", { name: "Applications", level: 1 }));
  });
} else {
  await run.step("signs in", page, () => signIn(page, url, process.env.INKSTONE_USER ?? "admin", password));
}
await scenario(run, { url, page, password });
if (mock) await mockOnly(run, { url, page, password }, mock.state);
await keyboard(run, { url, page, password });

await browser.close();
await mock?.close();
run.finish();
