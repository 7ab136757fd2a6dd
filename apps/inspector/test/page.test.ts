import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { servePage } from "./page-server.js";

const browserPath = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => path !== undefined && existsSync(path));
if (browserPath === undefined) console.warn("The inspector was not opened in a browser: no Chromium is installed. CHROMIUM names one.");

const screenshots = process.env["INSPECTOR_SCREENSHOTS"];

describe.skipIf(browserPath === undefined)("the inspector in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "inspector-"));
  let browser: Browser;

  beforeAll(async () => {
    await build({ configFile: new URL("../vite.config.ts", import.meta.url).pathname, root: new URL("../src", import.meta.url).pathname, logLevel: "error", build: { outDir: folder, emptyOutDir: true } });
    browser = await chromium.launch({
      executablePath: browserPath!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(url: string, width = 1280, colorScheme: "light" | "dark" = "light"): Promise<{ page: Page; faults: string[] }> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(message.text());
    });
    await page.goto(url);
    return { page, faults };
  }

  async function violations(page: Page): Promise<string[]> {
    // By its debugger connection, not as a script of the page: the policy for scripts stands.
    const source = (await import("node:fs")).readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");
    await page.evaluate(source);
    const results = await page.evaluate(() => (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }).axe.run());
    return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(", ")}`);
  }

  test.each([
    [1280, "light"],
    [1280, "dark"],
    [390, "light"],
    [390, "dark"],
  ] as const)("draws a recorded run at %d pixels, %s: nothing overflows, nothing is hidden from a screen reader", async (width, scheme) => {
    await using server = await servePage(folder, { isThere: false });
    const { page, faults } = await open(`${server.url}?recording=made.json`, width, scheme);
    await page.waitForSelector("article");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    expect(await page.locator("td.mode-1").count()).toBe(3);
    expect(await page.locator("td.mode-0").count()).toBe(1);
    expect(await page.locator("table").innerText()).toContain("window of 512");
    expect(await page.locator(".figures").innerText()).toContain("25% of 6.0 MB");
    await page.locator("summary").click();
    await page.getByRole("radio", { name: "SSA" }).check();
    expect(await page.locator(".prompt-tokens p").innerText()).toContain("700 in the middle are dropped");
    expect((await page.locator("del").innerText()).trim()).toMatch(/^w100 .* w799$/s);
    expect(await violations(page)).toEqual([]);
    if (screenshots !== undefined) await page.screenshot({ path: join(screenshots, `recorded-${width}-${scheme}.png`), fullPage: true });
    expect(await page.title()).toBe("Elastic Attention inspector");
    expect(faults).toEqual([]);
    await page.close();
  });

  test("asks twice side by side by the keyboard alone, keeps a history, and shows hostile text as text", async () => {
    await using server = await servePage(folder);
    const { page, faults } = await open(server.url);
    await page.getByLabel("Prompt").focus();
    await page.keyboard.type("What was decided?");
    await page.getByRole("button", { name: "Compare with a second run" }).press("Enter");
    await page.getByLabel("as the router decides").first().press("Space");
    await page.locator("input[name=first-sparsity]").press("Home");
    for (let step = 0; step < 6; step++) await page.locator("input[name=first-sparsity]").press("ArrowRight");
    await page.getByRole("button", { name: "Ask" }).press("Enter");
    await page.waitForFunction(() => document.querySelectorAll("td.mode-0").length === 2);
    expect(server.questions).toMatchObject([
      { messages: [{ role: "user", content: "What was decided?" }], stream: true, elastic: { record: true, sparsity: 0.3 } },
      { elastic: { record: true, mode: "full" } },
    ]);
    expect(await page.locator("article").count()).toBe(2);
    expect(await page.locator(".answer").first().innerText()).toContain("<script>");
    expect(await page.title()).toBe("Elastic Attention inspector");
    expect(await violations(page)).toEqual([]);
    await page.locator(".history button").last().click();
    expect(await page.locator("article").count()).toBe(1);
    await page.locator(".history button").first().click({ modifiers: ["Shift"] });
    expect(await page.locator("article").count()).toBe(2);
    if (screenshots !== undefined) await page.screenshot({ path: join(screenshots, "beside.png"), fullPage: true });
    expect(faults).toEqual([]);
    await page.close();
  });

  test("says what is wrong with a file, and asks for a key where the server wants one", async () => {
    await using server = await servePage(folder, { key: "right" });
    const { page, faults } = await open(server.url);
    await page.getByLabel("API key").fill("right");
    await page.getByRole("button", { name: "Use it" }).click();
    await page.getByLabel("Prompt").waitFor();
    await page.locator("header input[type=file]").setInputFiles({ name: "broken.json", mimeType: "application/json", buffer: Buffer.from("{") });
    expect(await page.getByRole("alert").innerText()).toContain("not JSON");
    await page.locator("main input[type=file]").setInputFiles({ name: "prompt.txt", mimeType: "text/plain", buffer: Buffer.from("from a file") });
    await page.waitForFunction(() => document.querySelector("textarea")?.value === "from a file");
    expect(faults).toEqual([]);
    await page.close();
  });

  test("shows its first picture within a second", async () => {
    await using server = await servePage(folder, { isThere: false });
    const { page } = await open(`${server.url}?recording=made.json`);
    await page.waitForSelector("article");
    const first = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]!.startTime);
    expect(first).toBeLessThan(1000);
    await page.close();
  });
});
