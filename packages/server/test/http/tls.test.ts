import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import { temporaryFolder } from "@elastic-attention/fixtures";
import { expect, test } from "vitest";
import { withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const hasOpenSsl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenSsl) console.warn("TLS was not tested: openssl, which makes a certificate, is not installed.");

test.skipIf(!hasOpenSsl)("a server with a key and a certificate answers over TLS, and nobody without it", async () => {
  using folder = temporaryFolder("certificate");
  const [keyFile, certFile] = [join(folder.path, "key.pem"), join(folder.path, "cert.pem")];
  const options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", ["req", ...options, "-keyout", keyFile, "-out", certFile], { stdio: "ignore" });
  const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];
  await withServer(new ScriptedEngine({ tokens: [] }), { tls: { key, cert } }, async (url) => {
    expect(url).toMatch(/^https:/);
    const status = (trusted: object) => new Promise<number>((resolve, reject) => get(`${url}/health`, { ...trusted, agent: false }, (response) => resolve(response.resume().statusCode!)).once("error", reject));
    expect(await status({ ca: cert })).toBe(200);
    await expect(status({})).rejects.toThrow(/certificate/);
    await expect(fetch(url.replace("https:", "http:"))).rejects.toThrow("fetch failed");
  });
});
