import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { defineConfig, type UserConfig } from "vitepress";
import { ratioCharts } from "./ratio-charts.js";
import { repositoryLinks } from "./repository-links.js";
import { navigation, sidebar } from "./sidebar.js";
import { repositoryRoot, sitePages } from "./site-pages.js";

type Plugin = NonNullable<NonNullable<UserConfig["vite"]>["plugins"]>[number];

const { repository } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as { repository: { url: string } };
const codeHost = repository.url.replace(/^git\+|\.git$/g, "");
const pages = sitePages();
const files = new Set(pages.map(({ file }) => file));

/** Pages lie all over the repository; on the server too, all of them use the Vue that this package depends on. */
const vueOfThisSite: Plugin = {
  name: "vue-of-this-site",
  enforce: "pre",
  resolveId: (id, _, { ssr = false }) => (ssr && /^vue(\/|$)/.test(id) ? { id, external: true } : undefined),
};

export default defineConfig({
  title: "Elastic Attention",
  description: "Long-context language models in Node.js whose attention heads turn sparse as the prompt allows",
  lang: "en",
  // Where the site is served: a folder on a code host's pages, the root elsewhere.
  base: process.env["SITE_BASE"] ?? "/",
  srcDir: relative(process.cwd(), repositoryRoot),
  srcExclude: ["{.*,benchmarks,build,tooling}/**", "README.md", "apps/*/!(README|index).md", "packages/*/**/!(README).md", "packages/*/*/**", "apps/cli/*/**", "apps/docs/README.md"],
  outDir: "dist",
  cacheDir: "build/vitepress",
  rewrites: Object.fromEntries(pages.map(({ file, route }) => [file, route])),
  cleanUrls: true,
  metaChunk: true,
  head: [["link", { rel: "icon", href: `${process.env["SITE_BASE"] ?? "/"}icon.svg`, type: "image/svg+xml" }]],
  transformPageData(page) {
    if (!files.has(page.filePath)) throw new Error(`${page.filePath} is a page that .vitepress/site-pages.ts does not list.`);
  },
  markdown: {
    theme: { light: "github-light", dark: "github-dark" },
    config(markdown) {
      // The comments of sources begin with shapes, "[rows, features]: …", which are no definitions of links.
      markdown.disable("reference");
      repositoryLinks(markdown, pages, codeHost);
      ratioCharts(markdown);
    },
  },
  themeConfig: {
    nav: navigation,
    sidebar: sidebar(pages),
    outline: [2, 3],
    search: { provider: "local" },
    socialLinks: [{ icon: "github", link: codeHost }],
    editLink: { pattern: `${codeHost}/edit/main/:path`, text: "Edit this page" },
    footer: { message: "Apache-2.0. The paper: arXiv 2601.17367." },
  },
  vite: {
    plugins: [vueOfThisSite],
    publicDir: join(import.meta.dirname, "../public"),
    // The search index and the reference are large, and loaded when they are asked for.
    build: { chunkSizeWarningLimit: 4000 },
  },
});
