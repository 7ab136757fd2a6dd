import { huggingFaceWeightName, type ModelAdapter, type ModelConfig } from "@elastic-attention/transformer";
import { textModel } from "../image-text/text-model.js";
import { ministral3Adapter, mistralAdapter } from "./mistral-adapter.js";

/** Mistral 3 of images and text (Mistral Small 3.1 and 3.2, Ministral 3), of which the text model alone is read. */
export const mistral3ImageTextAdapter: ModelAdapter = {
  name: "mistral3-image-text",
  architectures: ["Mistral3ForConditionalGeneration"],
  matches: (config) => config.architecture === "Mistral3ForConditionalGeneration",
  spec: (config) => {
    const inner = textClass(config);
    const text = textModel(config, { architectures: inner.architectures });
    return { ...inner.spec(text), architecture: config.architecture };
  },
  weightName: (...role) => `language_model.${huggingFaceWeightName(...role)}`,
};

/** What the text model is, which its own `model_type` says. @throws ModelConfigError */
function textClass(config: ModelConfig): ModelAdapter {
  const classes: Readonly<Record<string, ModelAdapter>> = { mistral: mistralAdapter, ministral3: ministral3Adapter };
  const type = (config.value("text_config") as { readonly model_type?: unknown } | null | undefined)?.model_type ?? "mistral";
  const found = typeof type === "string" && Object.hasOwn(classes, type) ? classes[type] : undefined;
  if (found === undefined) throw config.error("text_config", `a text model of the model_type ${Object.keys(classes).join(" or ")}`);
  return found;
}
