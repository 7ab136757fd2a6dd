import { existsSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { MarkdownRenderer } from "vitepress";
import { repositoryRoot, type SitePage } from "./site-pages.js";

/**
 * Links in a page name files of the repository. They lead to the page that a file is, or to the file on the code host; a link to
 * nothing ends the build.
 */
export function repositoryLinks(markdown: MarkdownRenderer, pages: readonly SitePage[], codeHost: string): void {
  const routes = new Map(pages.map(({ file, route }) => [file, route]));
  markdown.core.ruler.push("repository-links", ({ tokens, env }) => {
    const page = (env as { readonly realPath?: string; readonly path: string }).realPath ?? (env as { readonly path: string }).path;
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === "link_open" ? token.attrGet("href") : null;
      if (href !== null && !/^([a-z]+:|#|\/)/.test(href)) token.attrSet("href", target(page, decodeURI(href)));
    }
  });

  function target(page: string, href: string): string {
    const [path = "", anchor] = href.split("#");
    const hash = anchor === undefined ? "" : `#${anchor}`;
    const absolute = join(dirname(page), path);
    const file = relative(repositoryRoot, absolute);
    const route = routes.get(file) ?? routes.get(join(file, "README.md"));
    if (route !== undefined) return `/${route}${hash}`;
    if (!existsSync(absolute)) throw new Error(`${relative(repositoryRoot, page)} links to ${href}, which does not exist.`);
    return `${codeHost}/${statSync(absolute).isDirectory() ? "tree" : "blob"}/main/${file}${hash}`;
  }
}
