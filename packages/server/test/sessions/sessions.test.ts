import { SavedSessionError } from "@elastic-attention/core";
import { expect, test } from "vitest";
import { post, withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const messages = [{ role: "user", content: "Hello" }];
const key = (name: string) => ({ authorization: `Bearer ${name}` });

test("a session's name belongs to the key that it came with", async () => {
  const engine = new ScriptedEngine({ tokens: ["a"] });
  await withServer(engine, { apiKeys: ["first", "second"], sessionFolder: "/saved" }, async (url) => {
    for (const name of ["first", "second", "first"]) await post(`${url}/v1/chat/completions`, { messages, elastic: { session: "mine" } }, key(name));
    await post(`${url}/v1/completions`, { prompt: "a" }, { ...key("second"), "x-elastic-session": "mine" });
    const names = engine.requests.map(({ session }) => session);
    expect(names[0]).toBe(names[2]);
    expect(names[1]).toBe(names[3]);
    expect(names[0]).not.toBe(names[1]);
    for (const name of names) expect(name).not.toMatch(/first|second/);
    await post(`${url}/v1/elastic/sessions/mine/save`, {}, key("second"));
    expect(engine.sessions).toEqual([`save ${names[1]} /saved`]);
  });
  await withServer(engine, {}, async (url) => {
    await post(`${url}/v1/chat/completions`, { messages, elastic: { session: "mine" } });
    expect(engine.requests.at(-1)!.session).toBe("mine");
  });
});

test("sessions are saved and restored only where the server has a folder, and no name is a path", async () => {
  const engine = new ScriptedEngine({ tokens: ["a"] });
  await withServer(engine, {}, async (url) => {
    const refused = await post(`${url}/v1/elastic/sessions/mine/save`, {});
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { code: "no_session_folder" } }]);
  });
  await withServer(engine, { sessionFolder: "/saved" }, async (url) => {
    for (const name of ["..%2F..%2Fetc%2Fpasswd", "%2e%2e%2fsecret", "a%00b", "C:%5Cwindows"]) expect((await post(`${url}/v1/elastic/sessions/${name}/restore`, {})).status).toBe(200);
    // The engine hashes names; the folder is the server's own, whatever the name is.
    expect(engine.sessions.every((call) => call.endsWith(" /saved"))).toBe(true);
    expect((await post(`${url}/v1/elastic/sessions/${"a".repeat(201)}/save`, {})).status).toBe(400);
    expect((await post(`${url}/v1/elastic/sessions/../save`, {})).status).toBe(404);
    expect((await fetch(`${url}/v1/elastic/sessions/mine`, { method: "DELETE" })).status).toBe(200);
    engine.restoreSession = async () => {
      throw new SavedSessionError("/saved/abc.session.safetensors", "is not there: no such session was saved in this folder.");
    };
    const missing = await post(`${url}/v1/elastic/sessions/mine/restore`, {});
    const text = await missing.text();
    expect(missing.status).toBe(404);
    expect(text).toContain("is not there");
    expect(text).not.toContain("/saved");
  });
});
