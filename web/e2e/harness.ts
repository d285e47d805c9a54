import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";

/** The console under test, and what the steps share. */
export type World = { url: string; page: Page; password: string };

/** Answers that a step provokes on purpose; the browser logs each as an error. */
const EXPECTED = /status of (401|403|404|409|422)/;

export class Run {
  readonly failures: string[] = [];
  /** What the browser complained about: script errors, policy violations, lost requests. */
  readonly complaints: string[] = [];

  watch(page: Page): void {
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("dialog", (dialog) => dialog.accept().catch(() => undefined));
    page.on("console", (message) => {
      if (message.type() === "error" && !EXPECTED.test(message.text())) this.complaints.push(message.text());
    });
  }

  /** One sentence of behaviour. A failed step leaves a screenshot and the rest still runs. */
  async step(name: string, page: Page, body: () => Promise<void>): Promise<void> {
    const start = performance.now();
    try {
      await body();
      console.log(`  ok    ${name} (${Math.round(performance.now() - start)} ms)`);
    } catch (error) {
      const dir = process.env.E2E_SCREENSHOTS ?? join(tmpdir(), "inkstone-e2e");
      mkdirSync(dir, { recursive: true });
      const shot = join(dir, `${name.replace(/\W+/g, "-")}.png`);
      await page.screenshot({ path: shot }).catch(() => undefined);
      this.failures.push(name);
      console.log(
        `  FAIL  ${name}\n        ${String(error).split("\n").slice(0, 12).join("\n        ")}\n        see ${shot}`,
      );
    }
  }

  finish(): never {
    if (this.complaints.length > 0) {
      console.log(`  FAIL  the browser complained:\n        ${[...new Set(this.complaints)].join("\n        ")}`);
      this.failures.push("the browser has nothing to complain about");
    }
    console.log(this.failures.length === 0 ? "all steps passed" : `${this.failures.length} failed`);
    process.exit(this.failures.length === 0 ? 0 : 1);
  }
}

/** Waits until something is so; says what it last saw when it never is. */
export async function until<T>(
  what: string,
  look: () => Promise<T>,
  good: (seen: T) => boolean,
  ms = 10_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const seen = await look();
    if (good(seen)) return seen;
    assert.ok(performance.now() < end, `${what}: last seen ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The page's own session with the API, for facts that a test needs. */
export function api<T>(page: Page, path: string): Promise<T> {
  return page.evaluate(async (to) => {
    const response = await fetch(new URL(`api/v1/${to}`, document.baseURI));
    if (!response.ok) throw new Error(`${to}: ${response.status} ${await response.text()}`);
    return response.json();
  }, path) as Promise<T>;
}

export const button = (at: Page | Locator, name: string | RegExp): Locator => at.getByRole("button", { name }).first();
export const dialog = (page: Page): Locator => page.getByRole("dialog").last();
export const seen = (at: Locator): Promise<void> => at.first().waitFor({ state: "visible" });

/** Replaces the text in the editor, as one paste. */
export async function write(page: Page, text: string): Promise<void> {
  const editor = page.locator(".cm-content[contenteditable=true]").first();
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await editor.evaluate((element, content) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", content);
    element.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}

/** Saves what is in the editor with Ctrl+S. */
export async function save(page: Page, message: string): Promise<void> {
  await page.keyboard.press("ControlOrMeta+s");
  await dialog(page).getByLabel("What changes, and why").fill(message);
  await button(dialog(page), "Save revision").click();
  await dialog(page).waitFor({ state: "detached" });
}

/** Publishes the newest revision and waits for the end of the release. */
export async function publish(page: Page): Promise<string> {
  await button(page, "Publish…").click();
  await button(dialog(page), /^Publish #/).click();
  return outcome(page);
}

/** How the release on screen ends. */
export async function outcome(page: Page): Promise<string> {
  const end = dialog(page).getByText(/^(Complete|Refused|Failed|Interrupted|Superseded): /);
  await end.waitFor({ timeout: 20_000 });
  return (await end.textContent())!.split(":")[0]!;
}

export async function signIn(page: Page, url: string, name: string, password: string): Promise<void> {
  await page.goto(`${url}login`);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").first().fill(password);
  await page.keyboard.press("Enter");
  await seen(page.getByRole("heading", { name: "Applications", level: 1 }));
}
