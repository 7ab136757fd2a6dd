import { expect, test } from "vitest";
import { post, withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

interface Described {
  readonly openapi: string;
  readonly security: readonly object[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary?: string; readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: { readonly properties: object } } } } }>>>>;
}

test("/openapi.json describes every route with its body, and /docs shows them", async () => {
  await withServer(new ScriptedEngine({ tokens: [] }), {}, async (url) => {
    const described = (await (await fetch(`${url}/openapi.json`)).json()) as Described;
    expect(described.openapi).toMatch(/^3\./);
    expect(Object.keys(described.paths).toSorted()).toEqual(
      [
        "/v1/models", "/v1/models/{*}", "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens",
        "/tokenize", "/detokenize", "/apply-template", "/health", "/ready", "/metrics",
        "/v1/elastic/requests", "/v1/elastic/requests/{id}", "/v1/elastic/requests/{id}/events",
        "/v1/elastic/sessions/{name}", "/v1/elastic/sessions/{name}/save", "/v1/elastic/sessions/{name}/restore",
      ].toSorted(),
    );
    const routes = Object.entries(described.paths).flatMap(([path, methods]) => Object.values(methods).map((route) => ({ path, ...route })));
    expect(routes.filter(({ summary = "" }) => summary === "")).toEqual([]);
    const fields = (path: string) => Object.keys(described.paths[path]!["post"]!.requestBody!.content["application/json"].schema.properties);
    for (const name of ["messages", "tools", "tool_choice", "response_format", "logit_bias", "stream_options", "elastic"]) expect(fields("/v1/chat/completions")).toContain(name);
    expect(fields("/v1/messages")).toContain("stop_sequences");
    expect(JSON.stringify(described)).not.toContain("__schema");
    const page = await fetch(`${url}/docs`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("swagger-ui") as string]);
  });
});

test("texts become tokens and tokens texts, with pieces where they are asked for, and conversations what the model reads", async () => {
  await withServer(new ScriptedEngine({ tokens: [] }), {}, async (url) => {
    const ask = async (route: string, body: object) => (await (await post(`${url}${route}`, body)).json()) as unknown;
    expect(await ask("/tokenize", { content: "ab" })).toEqual({ tokens: [97, 98] });
    expect(await ask("/tokenize", { content: "" })).toEqual({ tokens: [] });
    expect(await ask("/tokenize", { content: "a", with_pieces: true })).toEqual({ tokens: [{ id: 97, piece: "a" }] });
    expect(await ask("/tokenize", { content: "a", add_special: true })).toMatchObject({ error: { param: "add_special" } });
    expect(await ask("/detokenize", { tokens: [97, 98] })).toEqual({ content: "ab" });
    for (const tokens of [[-1], [1.5], [2 ** 31], ["a"], "a"]) expect(await ask("/detokenize", { tokens })).toMatchObject({ error: { type: "invalid_request_error" } });
    expect(await ask("/apply-template", { messages: [{ role: "user", content: "Hello" }] })).toEqual({ prompt: '[]user: "Hello"' });
    expect(await ask("/apply-template", { messages: [] })).toMatchObject({ error: { param: "messages" } });
  });
});

test("/v1/models names the model, its context and how its heads can be routed; a name with slashes is found, others are not", async () => {
  await withServer(new ScriptedEngine({ tokens: [] }), { modelId: "org/name" }, async (url) => {
    const model = { id: "org/name", object: "model", owned_by: "elastic-attention", context_length: 1000, elastic: { modes: ["full", "fa-ssa"], router: "learned", windows: [null, null] } };
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({ object: "list", data: [{ ...model, created: expect.any(Number) as number }] });
    for (const name of ["org/name", "org%2Fname"]) expect(await (await fetch(`${url}/v1/models/${name}`)).json()).toMatchObject(model);
    const missing = await fetch(`${url}/v1/models/..%2f..%2fetc%2fpasswd`);
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: "model_not_found" } }]);
  });
});
