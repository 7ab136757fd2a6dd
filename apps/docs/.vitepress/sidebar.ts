import type { DefaultTheme } from "vitepress";
import type { SitePage } from "./site-pages.js";

export const navigation: DefaultTheme.NavItem[] = [
  { text: "Getting started", link: "/start/install", activeMatch: "^/start/" },
  { text: "Guides", link: "/guides/how-it-works", activeMatch: "^/guides/" },
  { text: "Packages", link: "/packages/generation", activeMatch: "^/(packages|examples)/" },
  { text: "Reference", link: "/reference/", activeMatch: "^/reference/" },
  { text: "Benchmarks", link: "/benchmarks" },
];

const start: DefaultTheme.SidebarItem = {
  text: "Getting started",
  items: [
    { text: "Install, and a first answer", link: "/start/install" },
    { text: "A model of your own", link: "/start/own-model" },
    { text: "From your own code", link: "/start/own-code" },
    { text: "A server", link: "/start/server" },
  ],
};

const guides: DefaultTheme.SidebarItem[] = [
  {
    text: "Understand",
    items: [
      { text: "How it works", link: "/guides/how-it-works" },
      { text: "Several cards", link: "/guides/several-cards" },
      { text: "Architecture", link: "/guides/architecture" },
    ],
  },
  {
    text: "Use",
    items: [
      { text: "Choosing a mode", link: "/guides/choosing-a-mode" },
      { text: "The sparsity dial", link: "/guides/sparsity-dial" },
      { text: "Prompts and answers", link: "/guides/prompts-and-answers" },
      { text: "Memory and long prompts", link: "/guides/large-models" },
      { text: "Several cards", link: "/guides/several-cards" },
      { text: "Serving over HTTP", link: "/guides/serving" },
      { text: "Training a router", link: "/guides/training-a-router" },
      { text: "Evaluation", link: "/guides/evaluation" },
      { text: "The command line", link: "/guides/command-line" },
      { text: "Troubleshooting", link: "/guides/troubleshooting" },
    ],
  },
  {
    text: "Extend",
    items: [
      { text: "Your own kernel, mode, router, adapter", link: "/guides/extending" },
      { text: "Contributing", link: "/guides/contributing" },
    ],
  },
];

/** The menu beside each part of the site. Guides that the lists above do not name come last, so that none is lost. */
export function sidebar(pages: readonly SitePage[]): DefaultTheme.SidebarMulti {
  const links = pages.map(({ route }) => `/${route.replace(/(index)?\.md$/, "")}`);
  const under = (part: string): DefaultTheme.SidebarItem[] =>
    links.filter((link) => link.startsWith(part) && link !== part).map((link) => ({ text: link.slice(part.length), link }));
  const listed = new Set(guides.flatMap(({ items = [] }) => items.map(({ link }) => link)));
  const others = under("/guides/").filter(({ link }) => !listed.has(link));
  const packages = [
    { text: "Packages", items: under("/packages/") },
    { text: "Examples", items: under("/examples/") },
  ];
  return {
    "/start/": [start, ...guides],
    "/guides/": [start, ...guides, ...(others.length > 0 ? [{ text: "More", items: others }] : [])],
    "/packages/": packages,
    "/examples/": packages,
    "/reference/": [{ text: "Reference", items: under("/reference/") }],
  };
}
