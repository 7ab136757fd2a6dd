// Follows every link of the built site to its page and its heading: node check-links.mjs [dist]
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const site = resolve(process.argv[2] ?? join(import.meta.dirname, "dist"));
const base = process.env["SITE_BASE"] ?? "/";
const pages = new Map(
  readdirSync(site, { recursive: true })
    .filter((name) => name.endsWith(".html"))
    .map((name) => [join(site, name), readFileSync(join(site, name), "utf8")]),
);
const anchors = new Map(Array.from(pages, ([file, html]) => [file, new Set(Array.from(html.matchAll(/ (?:id|name)="([^"]+)"/g), ([, id]) => id))]));

/** The file that a link names; undefined where there is none. */
function targetFile(from, path) {
  if (path === "") return from;
  const absolute = path.startsWith("/") ? join(site, path.startsWith(base) ? path.slice(base.length) : path) : resolve(dirname(from), path);
  return [absolute, `${absolute}.html`, join(absolute, "index.html")].find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
}

const broken = [];
let followed = 0;
for (const [file, html] of pages) {
  for (const [, reference] of html.matchAll(/ (?:href|src)="([^"]+)"/g)) {
    if (/^([a-z]+:|\/\/)/.test(reference)) continue;
    const [path, anchor] = decodeURI(reference.replaceAll("&amp;", "&")).split("#");
    const target = targetFile(file, path.split("?")[0]);
    followed++;
    if (target === undefined) broken.push(`${relative(site, file)} links to ${reference}, which does not exist`);
    else if (anchor && anchors.has(target) && !anchors.get(target).has(anchor)) broken.push(`${relative(site, file)} links to ${reference}: no such heading`);
  }
}
for (const each of new Set(broken)) console.error(each);
console.log(`${pages.size} pages, ${followed} links, ${broken.length} broken`);
process.exit(broken.length === 0 ? 0 : 1);
