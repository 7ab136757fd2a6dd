import { defineConfig } from "vite";

// Paths stay relative: the page is served at any path, and opened as a file beside a recording.
export default defineConfig({
  root: "src",
  base: "./",
  build: { outDir: "../dist", emptyOutDir: true, target: "es2022" },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/v1": "http://127.0.0.1:8080", "/tokenize": "http://127.0.0.1:8080" } },
});
