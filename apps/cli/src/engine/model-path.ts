import { demoModelDirectory } from "@elastic-attention/demo-model";
import type { ModelOptions } from "../options/model-options.js";

/** The folder of the model that was asked for. */
export function modelPath({ model }: Pick<ModelOptions, "model">): string {
  return model ?? demoModelDirectory();
}
