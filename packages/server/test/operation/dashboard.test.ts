import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { post, withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const dashboard = JSON.parse(readFileSync(new URL("../../../../deploy/compose/dashboard.json", import.meta.url), "utf8")) as {
  panels: { gridPos: { x: number; y: number }; id: number; targets: { expr: string }[] }[];
};

test("every figure that the dashboard draws is one that the server has", async () => {
  const names = new Set(dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => expr.match(/\b(?:vllm:|elastic_)\w+/g) ?? [])));
  expect(names.size).toBeGreaterThan(10);
  await withServer(new ScriptedEngine({ tokens: ["a", "b"] }), {}, async (url) => {
    await post(`${url}/v1/chat/completions`, { messages: [{ role: "user", content: "Hello" }] });
    await post(`${url}/v1/chat/completions`, {});
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const name of names) expect(text, `${name} is missing`).toMatch(new RegExp(`^${name}[{ ]`, "m"));
  });
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  expect(new Set(dashboard.panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size).toBe(dashboard.panels.length);
});
