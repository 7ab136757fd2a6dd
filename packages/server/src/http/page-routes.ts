import statics from "@fastify/static";
import type { App } from "./app.js";

/** Its own files alone: no script in the page itself, nothing from elsewhere, in nobody's frame. */
const policy = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Serves the files of a folder at `/`. */
export async function pageRoutes(app: App, folder: string): Promise<void> {
  await app.register(async (page) => {
    page.addHook("onRoute", (route) => {
      route.config = { ...route.config, isOpen: true };
      route.schema = { ...route.schema, hide: true };
    });
    await page.register(statics, {
      root: folder,
      index: "index.html",
      setHeaders: (response) => {
        response.setHeader("content-security-policy", policy);
        response.setHeader("x-content-type-options", "nosniff");
        response.setHeader("referrer-policy", "no-referrer");
      },
    });
  });
}
