import assert from "node:assert/strict";
import type { Application, FileDetail } from "../src/api/types";
import {
  api,
  button,
  dialog,
  outcome,
  publish,
  type Run,
  save,
  seen,
  signIn,
  until,
  type World,
  write,
} from "./harness";

const APP = "applications/shop/catalog";

/** What a person does in the console, against the mock or a real one. */
export async function scenario(run: Run, { url, page, password }: World): Promise<void> {
  const step = (name: string, body: () => Promise<void>) => run.step(name, page, body);
  let file = { configmap: "", key: "" };
  let original = "";
  const files = () => api<FileDetail>(page, `${APP}/files/${file.configmap}/${file.key}`);

  await step("applications are listed and found with /", async () => {
    await page.goto(`${url}applications`);
    await seen(page.getByRole("link", { name: "catalog", exact: true }));
    await page.keyboard.press("/");
    await page.keyboard.type("catal");
    await until(
      "the address keeps the search",
      async () => page.url(),
      (at) => at.endsWith("?q=catal"),
    );
    assert.equal(await page.getByRole("link", { name: "orders", exact: true }).count(), 0);
    await page.keyboard.press("Escape");
  });

  await step("an application shows its pods, their versions and commits", async () => {
    await page.getByRole("link", { name: "catalog", exact: true }).first().click();
    const app = await api<Application>(page, APP);
    assert.ok(app.pods.length > 0, "catalog has pods");
    for (const pod of app.pods) {
      const row = page.getByRole("row").filter({ hasText: pod.name }).first();
      await seen(row);
      assert.ok(pod.build, `${pod.name} reports its build`);
      await seen(row.getByText(pod.build.version, { exact: true }));
      if (pod.build.commit) await seen(row.getByText(pod.build.commit.slice(0, 8)));
    }
  });

  await step("the configuration opens in the editor", async () => {
    await page.getByRole("tab", { name: "Configuration" }).click();
    await seen(page.locator(".cm-content"));
    const app = await api<Application>(page, APP);
    file = app.files.find((entry) => entry.key.endsWith(".toml"))!;
    await page.goto(`${url}${APP}?tab=configuration&file=${file.configmap}/${file.key}`);
    await seen(page.locator(".cm-content"));
    original = (await files()).live!.content;
  });

  await step("unsaved text is marked and survives a reload", async () => {
    await write(page, `${original}# changed by a test\n`);
    await seen(page.getByText("Unsaved changes"));
    await page.reload();
    await seen(page.getByText("Unsaved changes"));
    await seen(page.locator(".cm-line", { hasText: "# changed by a test" }));
  });

  await step("Ctrl+S saves a revision with a message", async () => {
    const before = (await files()).revisions.length;
    await page.locator(".cm-content").click();
    await save(page, "Say that a test was here");
    const after = await files();
    assert.equal(after.revisions.length, before + 1);
    assert.equal(after.revisions[0]!.message, "Say that a test was here");
    // After a rollback the tag names the revision that is live instead.
    await seen(page.getByText(new RegExp(`^Saved #${after.revisions[0]!.number}, (not published|live is #\\d+)$`)));
    assert.equal(await page.getByText("Unsaved changes").count(), 0);
  });

  await step("a revision is compared with live, and the address keeps the comparison", async () => {
    await button(page, "Compare with live").click();
    await seen(page.getByTestId("diff").locator(".cm-changedLine"));
    assert.match(page.url(), /left=live&right=/);
    await page.reload();
    await seen(page.getByTestId("diff"));
    await button(page, "Back to the editor").click();
    await seen(page.locator(".cm-content[contenteditable=true]"));
  });

  await step("a publish ends when each pod has loaded it", async () => {
    assert.equal(await publish(page), "Complete");
    const app = await api<Application>(page, APP);
    assert.equal(await dialog(page).getByText("Loaded", { exact: true }).count(), app.pods.length);
    assert.equal((await files()).live!.content, `${original}# changed by a test\n`);
    await page.keyboard.press("Escape");
    await seen(page.getByText(/^Published #/));
  });

  await step("three publishes in a row all arrive", async () => {
    for (const number of [1, 2, 3]) {
      await write(page, `${original}# publish ${number} of 3\n`);
      await save(page, `Publish ${number} of 3`);
      assert.equal(await publish(page), "Complete");
      assert.equal((await files()).live!.content, `${original}# publish ${number} of 3\n`);
      await page.keyboard.press("Escape");
      await dialog(page).waitFor({ state: "detached" });
    }
  });

  await step("a wrong type is marked in the editor before it is saved", async () => {
    await write(page, original.replace(/^port = .*$/m, 'port = "wrong"'));
    await seen(page.locator(".cm-lintRange-error"));
    await seen(page.getByText(/^\d+ problems?$/));
  });

  await step("a refused publish shows file, line and reason beside each pod", async () => {
    await save(page, "A wrong type");
    assert.equal(await publish(page), "Refused");
    const app = await api<Application>(page, APP);
    const line = original.split("\n").findIndex((text) => /^port = /.test(text)) + 1;
    await seen(dialog(page).getByText(new RegExp(`${file.key}:${line}`)));
    assert.equal(await dialog(page).getByText("Refused", { exact: true }).count(), app.pods.length + 1);
    await page.keyboard.press("Escape");
    await seen(page.getByText("the earlier values stay in force"));
  });

  await step("rolling back shows the difference and publishes the earlier content again", async () => {
    await page.getByRole("tab", { name: "Releases" }).click();
    const releases = (await files()).releases;
    const earlier = releases.find((release) => release.state === "complete")!;
    const row = page.getByRole("row", { name: `Release #${earlier.number}`, exact: true });
    await button(row.filter({ hasText: file.key }), "Roll back to this…").click();
    await seen(dialog(page).getByTestId("diff"));
    await button(dialog(page), "Roll back").click();
    assert.equal(await outcome(page), "Complete");
    await page.keyboard.press("Escape");
    const after = await files();
    assert.equal(after.releases[0]!.kind, "rollback");
    assert.equal(after.live!.hash, earlier.hash);
  });

  await step("the version page knows every pod and the console itself", async () => {
    await page.goto(`${url}versions`);
    await seen(page.getByText("inkstone-console").first());
    const app = await api<Application>(page, APP);
    for (const pod of app.pods) await seen(page.getByText(pod.name).first());
    await page.getByRole("searchbox").fill("no-such-build");
    await seen(page.getByText("Nothing matches"));
  });

  await step("the audit log tells who did it", async () => {
    await page.goto(`${url}audit`);
    await seen(page.getByRole("row").filter({ hasText: "admin" }).first());
    await page.getByRole("searchbox").fill("catalog");
    await button(page, "Show before and after").click();
    await seen(page.getByText("After", { exact: true }));
  });

  await step("an administrator adds a reader, who may look but not change", async () => {
    const name = `reader${Date.now() % 100_000}`;
    await page.goto(`${url}users`);
    await button(page, "Add user").click();
    await dialog(page).getByLabel("Name").fill(name);
    await dialog(page).getByLabel("First password").fill(password);
    await dialog(page).getByLabel("The same again").fill(password);
    await button(dialog(page), "Add user").click();
    await seen(page.getByRole("row").filter({ hasText: name }));
    await button(page, "Account").click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await seen(page.getByRole("heading", { name: "Sign in" }));
    await signIn(page, url, name, password);
    await page.goto(`${url}${APP}?tab=configuration`);
    await seen(page.locator(".cm-content[contenteditable=false]"));
    assert.equal(await page.getByRole("button", { name: "Publish…" }).count(), 0);
    assert.equal(await page.getByRole("link", { name: "Users" }).count(), 0);
  });
}
