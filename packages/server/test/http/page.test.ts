import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

test("a page is served at / without a key, under a strict policy, and nothing beside its folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  try {
    writeFileSync(join(folder, "index.html"), "<title>Inspector</title>");
    await withServer(new ScriptedEngine({ tokens: [] }), { page: folder, apiKeys: ["key"] }, async (url) => {
      const page = await fetch(url);
      expect(await page.text()).toContain("Inspector");
      expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'self';/);
      expect((await fetch(`${url}/%2e%2e/%2e%2e/etc/passwd`)).status).toBeGreaterThanOrEqual(400);
      expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
