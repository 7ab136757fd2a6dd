import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { HubRequestError, HubUnreachableError } from "@elastic-attention/core";
import { hubWith, modelName, singleFile } from "./model-repository.js";

const names = ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()]);
const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
const servers: Server[] = [];
afterEach(async () => {
  for (const name of names) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A proxy that opens tunnels, to those with the right password where it has one. */
async function startProxy(password?: string) {
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((_, response) => response.writeHead(400).end());
  server.on("connect", ({ url, headers }, client: Socket) => {
    const wanted = password === undefined ? undefined : `Basic ${Buffer.from(`user:${password}`).toString("base64")}`;
    if (headers["proxy-authorization"] !== wanted) return client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    tunnels.push(url!);
    const [host, port] = url!.split(":");
    const target = connect(Number(port), host, () => client.write("HTTP/1.1 200 Connection Established\r\n\r\n"));
    for (const socket of [client, target]) sockets.add(socket).add(socket.on("error", () => {}));
    client.pipe(target).pipe(client);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.on("close", () => sockets.forEach((socket) => socket.destroy()));
  servers.push(server);
  return { tunnels, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe("a proxy", () => {
  test.each(["HTTP_PROXY", "http_proxy"])("of %s carries every question and every file", async (name) => {
    const { hub, resolve } = await hubWith(singleFile);
    const { tunnels, address } = await startProxy();
    process.env[name] = `http://${address}`;
    await resolve();
    // The hub and the place of its large files.
    expect(new Set(tunnels).size).toBe(2);
    expect(tunnels).toContain(new URL(hub.url).host);
  });

  test("is asked with its password, and without a scheme in front", async () => {
    const { resolve } = await hubWith(singleFile);
    const { tunnels, address } = await startProxy("secret");
    process.env["HTTP_PROXY"] = `user:secret@${address}`;
    await resolve();
    expect(tunnels.length).toBeGreaterThan(0);
  });

  test("that refuses is named, its password is not", async () => {
    const { resolve } = await hubWith(singleFile);
    const { address } = await startProxy("secret");
    process.env["HTTP_PROXY"] = `http://user:wrong@${address}`;
    await expect(resolve()).rejects.toThrow(HubUnreachableError);
    await expect(resolve()).rejects.toThrow(`(through the proxy ${address}) cannot be reached`);
    await expect(resolve()).rejects.not.toThrow(/wrong/);
  });

  test("is left out for the hosts of NO_PROXY", async () => {
    const { resolve } = await hubWith(singleFile);
    const { tunnels, address } = await startProxy();
    Object.assign(process.env, { HTTP_PROXY: `http://${address}`, NO_PROXY: "example.com,127.0.0.1" });
    await resolve(modelName);
    expect(tunnels).toEqual([]);
  });

  test.each(["socks5://127.0.0.1:1080", "http://"])("that is none is refused: %s", async (value) => {
    const { hub, resolve } = await hubWith(singleFile);
    process.env["HTTPS_PROXY"] = value;
    await expect(resolve()).rejects.toThrow(HubRequestError);
    await expect(resolve()).rejects.toThrow(/HTTPS_PROXY is no address of an HTTP proxy/);
    expect(hub.requests).toEqual([]);
  });
});
