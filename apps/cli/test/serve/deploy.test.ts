import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { flagName } from "@elastic-attention/core";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { serveCommand } from "../../src/commands/serve/serve-command.js";

const folder = fileURLToPath(new URL("../../../../deploy/", import.meta.url));
const read = (path: string) => readFileSync(`${folder}${path}`, "utf8");

const flags = new Set(Object.keys(serveCommand.options).map(flagName));

test("every flag that a deployment file gives to serve is one that it has", () => {
  for (const path of ["compose/compose.yaml", "kubernetes/elastic-attention.yaml", "systemd/elastic-attention.service", "docker/Dockerfile", "docker/Dockerfile.cuda"]) {
    // Without comments, and of a Dockerfile what it starts.
    const lines = read(path).split("\n").filter((line) => !line.trim().startsWith("#") && (!path.startsWith("docker/") || /^(?:ENTRYPOINT|CMD)/.test(line)));
    const given: readonly string[] = lines.join("\n").match(/(?<=["\s])--[a-z][a-z-]+/g) ?? [];
    expect({ path, unknown: given.filter((flag) => !flags.has(flag)) }).toEqual({ path, unknown: [] });
    if (!path.startsWith("docker/")) expect({ path, hasKeys: given.includes("--api-key-file") }).toEqual({ path, hasKeys: true });
  }
});

interface Compose {
  readonly services: Readonly<Record<string, { readonly volumes?: readonly string[]; readonly depends_on?: readonly string[]; readonly stop_grace_period?: string }>>;
}

test("the compose file has two replicas behind nginx, with Prometheus and Grafana, and every file that it mounts is there", () => {
  const { services } = parse(read("compose/compose.yaml"), { merge: true }) as Compose;
  expect(Object.keys(services)).toEqual(["replica-1", "replica-2", "nginx", "prometheus", "grafana"]);
  const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(":")[0]!)).filter((path) => path.startsWith("./"));
  expect(mounted.length).toBeGreaterThan(4);
  for (const path of mounted) expect(read(`compose/${path.slice(2)}`).length).toBeGreaterThan(0);
  for (const server of read("compose/nginx.conf").match(/replica-\d(?=:8080)/g)!) expect(services).toHaveProperty([server]);
  const { scrape_configs: scrapes } = parse(read("compose/prometheus.yaml")) as { scrape_configs: { static_configs: { targets: string[] }[] }[] };
  expect(scrapes[0]!.static_configs[0]!.targets).toEqual(["replica-1:8080", "replica-2:8080"]);
});

interface Container {
  readonly args: readonly string[];
  readonly resources: { readonly limits: Readonly<Record<string, unknown>> };
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

test("the Kubernetes deployment probes the routes that there are, gives each pod one GPU, and waits longer than answers may take", () => {
  const documents = parseAllDocuments(read("kubernetes/elastic-attention.yaml"));
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  const [deployment, claim, service] = documents.map((document) => document.toJS() as { kind: string; spec: Record<string, unknown> });
  expect([deployment!.kind, claim!.kind, service!.kind]).toEqual(["Deployment", "PersistentVolumeClaim", "Service"]);
  const { spec: pod } = deployment!.spec["template"] as { spec: { terminationGracePeriodSeconds: number; containers: Container[] } };
  const [container] = pod.containers;
  expect([container!.startupProbe, container!.readinessProbe, container!.livenessProbe].map(({ httpGet }) => httpGet.path)).toEqual(["/ready", "/ready", "/health"]);
  expect(container!.resources.limits["nvidia.com/gpu"]).toBe(1);
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(container!.args[container!.args.indexOf("--drain-timeout") + 1]));
});

test("nginx sends requests whose prompts begin alike to one replica, in every protocol, and what belongs to a session too", async () => {
  const { default: prefix } = (await import(new URL("../../../../deploy/compose/prefix.js", import.meta.url).href)) as { default: { route(request: object): void } };
  const keyOf = (body: unknown, headersIn: Readonly<Record<string, string>> = {}) => {
    const request = { requestText: typeof body === "string" ? body : JSON.stringify(body), headersIn, variables: { request_id: "random", replica_key: "" }, log: () => {}, internalRedirect: (to: string) => expect(to).toBe("@replicas") };
    prefix.route(request);
    return request.variables.replica_key;
  };
  const system = { role: "system", content: "Be brief." };
  const first = [system, { role: "user", content: "Hello" }];
  expect(keyOf({ messages: [...first, { role: "assistant", content: "Hi" }, { role: "user", content: "And?" }] })).toBe(keyOf({ messages: first }));
  expect(keyOf({ messages: [system, { role: "user", content: "Other" }] })).not.toBe(keyOf({ messages: first }));
  const document = "call me Ishmael ".repeat(300);
  expect(keyOf({ prompt: `${document} one` })).toBe(keyOf({ prompt: `${document} two` }));
  expect(keyOf({ instructions: "Be brief.", input: "Hello" })).toContain("Hello");
  expect(keyOf({ system: [{ type: "text", text: "Be brief." }], messages: first.slice(1) })).toContain("brief");
  expect(keyOf({ elastic: { session: "a" }, messages: first })).toBe(keyOf({ messages: [] }, { "x-elastic-session": "a" }));
  for (const nothing of ["", "{", "null", "[]", { messages: [null] }, { messages: 5 }]) expect(typeof keyOf(nothing)).toBe("string");
  expect(keyOf("{")).toBe("random");
  expect(read("compose/nginx.conf")).toContain("js_import prefix from /etc/nginx/prefix.js;");
});

test("the systemd unit waits longer for its answers than they may take", () => {
  const unit = read("systemd/elastic-attention.service");
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)![1])).toBeGreaterThan(Number(serveCommand.options["drainTimeout"]!.default));
});
