import { cpuProvider } from "@elastic-attention/cpu";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { LocalEngine } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import { startServer } from "@elastic-attention/server";
import { registerBackend } from "@elastic-attention/tensor";

/** Where every client of a test finds the demo model. */
export interface ServedDemo extends AsyncDisposable {
  /** "http://127.0.0.1:1234/v1". */
  readonly baseUrl: string;
  readonly apiKey: string;
}

export const model = "demo";
export const question = "Where is the whale?";

let registered = false;

/** The demo model behind a key, for as long as a test takes. */
export async function serveDemo(): Promise<ServedDemo> {
  if (!registered) {
    registerBackend(cpuProvider);
    registerQwen();
    registered = true;
  }
  const engine = await LocalEngine.load({ path: demoModelDirectory(), backend: "cpu" });
  const apiKey = "key-of-the-test";
  const server = await startServer(engine, { port: 0, modelId: model, apiKeys: [apiKey] });
  return {
    baseUrl: `${server.url}/v1`,
    apiKey,
    async [Symbol.asyncDispose]() {
      await server.close();
      await engine[Symbol.asyncDispose]();
    },
  };
}
