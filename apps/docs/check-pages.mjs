// Opens the built site in Chromium, on a telephone and on a desk, and some pages in the dark too, and ends with 1 where a page is wider than its
// window or writes an error:
//   node check-pages.mjs [--pictures FOLDER]      after `pnpm run docs`; CHROMIUM names another browser
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";

const site = join(import.meta.dirname, "dist");
const [option, pictures] = process.argv.slice(2);
const executablePath = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => path !== undefined && existsSync(path));
if (executablePath === undefined) throw new Error("Chromium was not found: install it, or name it in CHROMIUM.");
const widths = [390, 1280];
/** What has pictures of its own looks otherwise in the dark. */
const schemes = { light: () => true, dark: (page) => ["", "benchmarks", "guides/how-it-works", "start/install"].includes(page) };
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json", ".woff2": "font/woff2" };

/** Everything but the reference, whose pages are made alike: one of them stands for all. */
const pages = readdirSync(site, { recursive: true })
  .filter((name) => name.endsWith(".html") && name !== "404.html" && (!name.startsWith("reference/") || name === "reference/core.html"))
  .map((name) => name.replace(/(^|\/)index\.html$/, "$1").replace(/\.html$/, ""));

const server = createServer((request, response) => {
  const path = join(site, decodeURIComponent(new URL(request.url, "http://localhost").pathname));
  const file = [path, `${path}.html`, join(path, "index.html")].find((each) => statSync(each, { throwIfNoEntry: false })?.isFile());
  response.writeHead(file === undefined ? 404 : 200, { "content-type": types[extname(file ?? "")] ?? "application/octet-stream" });
  response.end(file === undefined ? "" : readFileSync(file));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const problems = [];
if (option === "--pictures") mkdirSync(pictures, { recursive: true });
try {
  for (const width of widths) {
    for (const [colorScheme, includes] of Object.entries(schemes)) {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
      for (const path of pages.filter(includes)) await look(page, path, `${width}-${colorScheme}`);
      await page.close();
    }
  }
} finally {
  await browser.close();
  server.close();
}
for (const problem of problems) console.error(problem);
console.log(`${pages.length} pages at ${widths.join(" and ")} pixels: ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);

async function look(page, path, window) {
  const failed = (words) => problems.push(`/${path} at ${window}: ${words}`);
  const listeners = { pageerror: (error) => failed(error.message), console: (message) => message.type() === "error" && failed(message.text()) };
  for (const [event, listener] of Object.entries(listeners)) page.on(event, listener);
  await page.goto(`${origin}/${path}`, { waitUntil: "load" });
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (excess > 0) failed(`${excess} pixels wider than the window`);
  if (option === "--pictures") await page.screenshot({ path: join(pictures, `${path.replaceAll("/", "-") || "index"}-${window}.png`) });
  for (const [event, listener] of Object.entries(listeners)) page.off(event, listener);
}
