import assert from "node:assert/strict";
import type { State } from "../mock/state";
import { button, dialog, type Run, save, seen, signIn, until, type World, write } from "./harness";

const CONFIG = "applications/shop/catalog?tab=configuration&file=catalog/features.toml";

/** Conflicts and lost sessions, which only the mock can bring about on demand. */
export async function mockOnly(run: Run, { url, page, password }: World, state: State): Promise<void> {
  const step = (name: string, body: () => Promise<void>) => run.step(name, page, body);
  const file = state.file("shop", "catalog", "catalog", "features.toml")!.file;
  const text = file.live;

  await step("a save over someone else's loses nothing and can be put on top", async () => {
    await page.context().clearCookies();
    await signIn(page, url, "admin", password);
    await page.goto(url + CONFIG);
    await write(page, `${text}# mine\n`);
    await seen(page.getByText("Unsaved changes"));
    state.save(file, "somebody", "Theirs", `${text}# theirs\n`);
    await page.keyboard.press("ControlOrMeta+s");
    await dialog(page).getByLabel("What changes, and why").fill("Mine");
    await button(dialog(page), "Save revision").click();
    await seen(dialog(page).getByText("Someone saved revision #1 first"));
    await seen(dialog(page).locator(".cm-line", { hasText: "# mine" }));
    assert.equal(file.revisions.length, 1);
    await button(dialog(page), "Save mine on top of #1").click();
    assert.equal(await dialog(page).getByLabel("What changes, and why").inputValue(), "Mine");
    await button(dialog(page), "Save revision").click();
    await seen(page.getByText("Saved #2, not published"));
    assert.equal(file.revisions[0]!.content, `${text}# mine\n`);
  });

  await step("a publish over a changed ConfigMap writes nothing until it is looked at again", async () => {
    await button(page, "Publish…").click();
    await seen(dialog(page).getByTestId("diff"));
    file.live = `${text}# by kubectl\n`;
    await button(dialog(page), /^Publish #/).click();
    await seen(dialog(page).getByText("What is live has changed since you compared"));
    assert.equal(file.releases.length, 0);
    assert.equal(await button(dialog(page), /^Publish #/).isEnabled(), false);
    await button(dialog(page), "Compare with what is live now").click();
    await seen(dialog(page).locator(".cm-line", { hasText: "# by kubectl" }));
    await button(dialog(page), /^Publish #/).click();
    await seen(dialog(page).getByText(/^Complete: /));
    assert.equal(file.live, `${text}# mine\n`);
    await page.keyboard.press("Escape");
  });

  await step("a change past the console is shown", async () => {
    file.live = `${text}# by kubectl again\n`;
    await seen(page.getByText("Live changed elsewhere"));
    await button(page, "Load live into the editor").click();
    await seen(page.locator(".cm-line", { hasText: "# by kubectl again" }));
    await button(page, "Discard").click();
    await page.getByRole("menuitem", { name: "Discard my changes" }).click();
  });

  await step("text typed before the session ended is there after signing in again", async () => {
    await write(page, `${text}# typed before\n`);
    await seen(page.getByText("Unsaved changes"));
    await page.context().clearCookies();
    await seen(page.getByRole("heading", { name: "Sign in" }));
    await page.getByLabel("Name").fill("admin");
    await page.getByLabel("Password").first().fill(password);
    await page.keyboard.press("Enter");
    await seen(page.locator(".cm-line", { hasText: "# typed before" }));
    await save(page, "Typed before the session ended");
    assert.equal(file.revisions[0]!.content, `${text}# typed before\n`);
  });

  await step("a wrong password is told, and a link to elsewhere is not followed", async () => {
    await page.context().clearCookies();
    await page.goto(`${url}login?next=//evil.example/`);
    await page.getByLabel("Name").fill("admin");
    await page.getByLabel("Password").first().fill("not the password");
    await page.keyboard.press("Enter");
    await seen(page.getByText("Name or password is wrong"));
    await page.getByLabel("Password").first().fill(password);
    await page.keyboard.press("Enter");
    await seen(page.getByRole("heading", { name: "Applications", level: 1 }));
    assert.ok(page.url().startsWith(url));
  });

  await step("nothing is wider than a screen of 360 pixels", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const path of [
      "applications",
      "applications/shop/catalog",
      CONFIG,
      "applications/shop/catalog?tab=releases",
      "versions",
      "audit",
      "users",
    ]) {
      await page.goto(url + path);
      await page.waitForLoadState("networkidle").catch(() => undefined);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${path} is ${over} px too wide`);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  });
}

/** Keys, languages and colours. */
export async function keyboard(run: Run, { url, page }: World): Promise<void> {
  const step = (name: string, body: () => Promise<void>) => run.step(name, page, body);

  await step("? lists the shortcuts, Escape closes them, g v goes to the versions", async () => {
    await page.goto(`${url}applications`);
    await seen(page.getByRole("link", { name: "catalog", exact: true }));
    await page.keyboard.press("?");
    await seen(page.getByRole("dialog", { name: "Keyboard shortcuts" }));
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("g");
    await page.keyboard.press("v");
    await seen(page.getByRole("heading", { name: "Versions", level: 1 }));
  });

  await step("the first Tab offers to skip to the content", async () => {
    await page.goto(`${url}applications`);
    await seen(page.getByRole("link", { name: "catalog", exact: true }));
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), "MAIN");
  });

  await step("Escape, then Tab, leaves the editor", async () => {
    await page.goto(`${url}applications/shop/catalog?tab=configuration`);
    await page.locator(".cm-content").first().click();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.closest(".cm-editor")), null);
  });

  await step("language and colours change at once and are remembered", async () => {
    await page.goto(`${url}applications`);
    await button(page, "Account").click();
    await page.getByText("简体中文").click();
    await seen(page.getByRole("heading", { name: "应用", level: 1 }));
    await page.getByText("深色").click();
    const scheme = () => page.evaluate(() => document.documentElement.getAttribute("data-mantine-color-scheme"));
    await until("the page is dark", scheme, (value) => value === "dark");
    await page.reload();
    await seen(page.getByRole("heading", { name: "应用", level: 1 }));
    assert.equal(await scheme(), "dark");
    assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
  });
}
