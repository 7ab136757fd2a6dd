import { cpuProvider } from "@elastic-attention/cpu";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { type Engine, type EngineSettings, LocalEngine } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import { type ElasticServer, type ServerOptions, startServer } from "@elastic-attention/server";
import registerFormats from "@elastic-attention/server/constraints";
import { registerBackend } from "@elastic-attention/tensor";

/** Where every client of a test finds the demo model. */
export interface ServedDemo extends AsyncDisposable {
  /** "http://127.0.0.1:1234/v1". */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly engine: LocalEngine;
  readonly server: ElasticServer;
}

/** How the demo model is served, where it matters. */
export interface ServeDemoOptions {
  readonly server?: ServerOptions;
  readonly engine?: EngineSettings & { readonly path?: string };
  /** What the server asks in the engine's place. */
  readonly through?: (engine: LocalEngine) => Engine;
}

export const model = "demo";
export const question = "Where is the whale?";

let registered = false;

/** The demo model behind a key, for as long as a test takes. */
export async function serveDemo({ server: options = {}, engine: settings = {}, through = (engine) => engine }: ServeDemoOptions = {}): Promise<ServedDemo> {
  if (!registered) {
    registerBackend(cpuProvider);
    registerQwen();
    registerFormats();
    registered = true;
  }
  const engine = await LocalEngine.load({ path: demoModelDirectory(), backend: "cpu", ...settings });
  const apiKey = "key-of-the-test";
  const server = await startServer(through(engine), { port: 0, modelId: model, apiKeys: [apiKey], enforcesFormats: true, ...options });
  return {
    baseUrl: `${server.url}/v1`,
    apiKey,
    engine,
    server,
    async [Symbol.asyncDispose]() {
      await server.close();
      await engine[Symbol.asyncDispose]();
    },
  };
}

/** Sends a request as a client without a library of its own does. */
export function post(demo: ServedDemo, route: string, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${demo.baseUrl}/${route}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${demo.apiKey}` },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}
