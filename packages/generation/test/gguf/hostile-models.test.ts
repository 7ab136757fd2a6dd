import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ElasticAttentionError } from "@elastic-attention/core";
import { openModelFiles } from "@elastic-attention/transformer";
import { describe, expect, it } from "vitest";
import { Tokenizer } from "../../src/index.js";

const shared = process.env["ELASTIC_ATTENTION_SHARED"] ?? fileURLToPath(new URL("../../../../../shared", import.meta.url));
const folder = join(shared, "fixtures/gguf/hostile");
const index = existsSync(folder) ? (JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as Record<string, { wrong: string; expect: string }>) : {};

/** Time that this thread computed, where the system tells it: tests beside this one also want the processor. */
function spentMilliseconds(): number {
  try {
    return Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;
  } catch {
    return performance.now();
  }
}

/** Everything of a file but its weights. */
function open(path: string): void {
  using files = openModelFiles(path);
  Tokenizer.load(path).encode(`${files.config.architecture} abc`);
}

describe.skipIf(!existsSync(folder))("the hostile GGUF files of the shared fixtures", () => {
  it.each(Object.entries(index))("%s: $wrong", (name, { expect: expected }) => {
    const path = join(folder, name);
    if (expected === "must open") {
      open(path);
      return;
    }
    let fastest = Infinity;
    for (let attempt = 0; attempt < 5 && fastest > 50; attempt++) {
      const start = spentMilliseconds();
      let thrown: unknown;
      try {
        open(path);
      } catch (error) {
        thrown = error;
      }
      fastest = Math.min(fastest, spentMilliseconds() - start);
      expect(thrown).toSatisfy((error) => ElasticAttentionError.isInstance(error) && error.message.includes(name));
    }
    expect(fastest).toBeLessThan(50);
  });
});
