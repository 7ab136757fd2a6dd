import type { Engine, GenerationEvent, GenerationRequest } from "@elastic-attention/generation";
import { layersOf, Progress } from "../../terminal/progress.js";

/** How a request ended. */
export type Finish = Extract<GenerationEvent, { type: "finish" }>;

/** Runs a request: progress of the prefill on standard error, the answer as it comes to `write`. */
export async function streamAnswer(
  engine: Pick<Engine, "generate">,
  request: GenerationRequest,
  write: (text: string) => void,
  label = "Reading the prompt",
): Promise<Finish> {
  using progress = new Progress(label, layersOf, "seldom");
  for await (const event of engine.generate(request)) {
    if (event.type === "progress") {
      progress.update(event.layersDone, event.layersTotal);
      if (event.layersDone === event.layersTotal) progress[Symbol.dispose]();
    } else if (event.type === "token") {
      write(event.text);
    } else {
      return event;
    }
  }
  throw new Error("The engine ended without a finish event.");
}
