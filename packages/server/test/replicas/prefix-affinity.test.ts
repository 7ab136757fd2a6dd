import { expect, test } from "vitest";
import { PrefixAffinity } from "../../src/replicas/prefix-affinity.js";
import { requestKey } from "../../src/replicas/request-key.js";

const text = (seed: string, length: number) => seed.repeat(Math.ceil(length / seed.length)).slice(0, length);

test("a prompt goes where most of it was read, another one where least is to do", () => {
  const affinity = new PrefixAffinity();
  const document = text("call me Ishmael ", 4000);
  expect(affinity.choose(document, [0, 0])).toBe(0);
  affinity.remember(document, 1);
  expect(affinity.choose(`${document} and a question`, [0, 1])).toBe(1);
  expect(affinity.choose(text("something else ", 4000), [0, 1])).toBe(0);
  // A quarter of the prompt was read there: not worth a place in its queue.
  expect(affinity.choose(document.slice(0, 1100) + text("something else ", 4000), [0, 1])).toBe(0);
});

test("a replica that is much busier, or not there, or has lost what it had read, gets no prompt because of it", () => {
  const affinity = new PrefixAffinity();
  const document = text("call me Ishmael ", 4000);
  affinity.remember(document, 1);
  expect(affinity.choose(document, [0, 9])).toBe(0);
  expect(affinity.choose(document, [3, undefined])).toBe(0);
  expect(affinity.choose(document, [undefined, undefined])).toBeUndefined();
  affinity.forget(1);
  expect(affinity.choose(document, [0, 0])).toBe(0);
});

test("what a request is about is found in every protocol's body, and in headers; damaged bodies have none", () => {
  const key = (body: object | string, headers = {}, url = "/v1/chat/completions") => requestKey(url, headers, Buffer.from(typeof body === "string" ? body : JSON.stringify(body)));
  const messages = [{ role: "user", content: "Hello" }];
  expect(key({ messages }).prompt).toContain("Hello");
  expect(key({ messages: [...messages, { role: "assistant", content: "Hi" }] }).prompt.startsWith(key({ messages }).prompt.slice(0, -1))).toBe(true);
  expect(key({ prompt: "Once" }).prompt).toBe("Once");
  expect(key({ instructions: "Be brief.", input: "Why?" }).prompt).toBe("Be brief.\nWhy?");
  expect(key({ system: "Be brief.", messages }).prompt).toMatch(/^Be brief\.\n.*Hello/);
  expect(key({ messages, elastic: { session: "a" } }).session).toBe(key({ messages }, { "x-elastic-session": "a" }).session);
  expect(key({}, {}, "/v1/elastic/sessions/a/save").session).toBe(key({ elastic: { session: "a" } }).session);
  expect(key({ elastic: { session: "a" } }, { authorization: "Bearer b" }).session).not.toBe(key({ elastic: { session: "a" } }, { authorization: "Bearer c" }).session);
  for (const damaged of ["{", "null", "[]", "3", '{"messages": 5, "elastic": null}']) expect(key(damaged).session).toBeUndefined();
});
