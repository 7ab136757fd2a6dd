import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The root of the repository: pages stay where they are in it, so that their links also work on a code host. */
export const repositoryRoot = join(import.meta.dirname, "../../..");

/** A page: its file in the repository, and its route on the site. */
export interface SitePage {
  readonly file: string;
  readonly route: string;
}

/** Every Markdown file that is a page. */
export function sitePages(): readonly SitePage[] {
  const folder = (path: string, route: string): SitePage[] =>
    markdownFiles(path).map((name) => ({ file: `${path}/${name}`, route: `${route}/${name}` }));
  const readmes = (area: string, route: string, names = readdirSync(join(repositoryRoot, area))): SitePage[] =>
    names.map((name) => ({ file: `${area}/${name}/README.md`, route: `${route}/${name}.md` })).filter(({ file }) => existsSync(join(repositoryRoot, file)));
  return [
    { file: "apps/docs/index.md", route: "index.md" },
    ...folder("apps/docs/start", "start"),
    ...folder("apps/docs/guides", "guides"),
    ...folder("apps/docs/reference", "reference"),
    ...readmes("packages", "packages"),
    ...readmes("apps", "examples", readdirSync(join(repositoryRoot, "apps")).filter((name) => name.startsWith("example-") || name === "inspector")),
    { file: "apps/cli/README.md", route: "guides/command-line.md" },
    { file: "BENCHMARKS.md", route: "benchmarks.md" },
    { file: "CONTRIBUTING.md", route: "guides/contributing.md" },
  ];
}

function markdownFiles(path: string): string[] {
  const folder = join(repositoryRoot, path);
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".md")) : [];
}
