import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PretrainedModel } from "@elastic-attention/transformer";
import { expect, test } from "vitest";
import { sharedData } from "./fixture-cases.js";
import { convertStories, storiesPieces } from "./stories260k.js";
import { testBackends } from "./test-backends.js";

const directory = sharedData("stories260K");
const beginOfText = 1;

// The only trained Llama weights at hand: 256 greedy tokens, letter by letter as another implementation wrote them.
test.skipIf(directory === undefined).each(testBackends)("stories260K tells its story on $name", async ({ create }) => {
  using folder = convertStories(directory!);
  using backend = await create();
  using model = await PretrainedModel.open({ path: folder.path, backend, dtype: "f32" });
  using cache = model.decoder.createCache({ reserveTokens: 256 });
  const pieces = storiesPieces(directory!);
  const expected = readFileSync(join(directory!, "expected_greedy_256.txt"), "utf8").trimEnd();
  let text = "";
  let { logits } = await model.decoder.prefill({ sequences: [{ tokens: [beginOfText], cache }] });
  for (let step = 0; step < 256; step++) {
    const row = logits.toFloat32();
    logits.dispose();
    const token = row.indexOf(Math.max(...row));
    if (token === beginOfText) break;
    text += step === 0 ? pieces[token]!.trimStart() : pieces[token]!;
    logits = model.decoder.decode([token], [cache]);
  }
  logits.dispose();
  expect(text.startsWith(expected)).toBe(true);
  // What comes after the 256th token is not recorded.
  expect(text.length - expected.length).toBeLessThan(12);
});
