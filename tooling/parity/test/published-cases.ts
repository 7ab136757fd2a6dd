import { readFileSync } from "node:fs";
import { join } from "node:path";
import { blockMaskFromHost, registerAttentionMode, xattentionModeDefinition } from "@elastic-attention/attention";
import type { AttentionMode, BlockMask, XAttentionMode } from "@elastic-attention/attention";
import { SafetensorsFile } from "@elastic-attention/tensor";
import { forward, PretrainedModel } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { caseNumbers, fixtureFolder, relativeError } from "./fixture-cases.js";
import { testBackends } from "./test-backends.js";

/** XA with the masks of the recorded run, and what our own selection would have been, for comparison. */
interface RecordedMode {
  readonly kind: "recorded";
  readonly base: XAttentionMode;
}

/** Golden cases of the published implementation: routing, logits, and masks of XA where a case has them. Skipped where a case is not at hand. */
export function describePublished(names: readonly string[]): void {
  describe.each(names)("%s", (name) => {
    const folder = fixtureFolder(name);
    test.skipIf(folder === undefined).each(testBackends)("routes and computes as published on $name", async ({ create, dtypes }) => {
      const golden = SafetensorsFile.open(join(folder!, "case.safetensors"));
      const facts = JSON.parse(readFileSync(join(folder!, "case.json"), "utf8")) as { rel_err_bf16: number };
      const recorded = Uint8Array.from(caseNumbers(golden, "block_masks"));
      const blocks = golden.entry("block_masks").shape[3]!;
      for (const dtype of dtypes) {
        using backend = await create();
        using model = await PretrainedModel.open({ path: folder!, backend, dtype });
        const agreement = { equal: 0, total: 0 };
        imposeRecordedMasks(recorded, blocks, model.spec.numQueryHeads, agreement);
        const impose = (mode: AttentionMode): AttentionMode =>
          mode.kind === "xattention" ? { kind: "recorded", base: mode as XAttentionMode } : mode;
        const { retrievalMode, sparseMode } = model.spec.elastic!;
        const router = model.learnedRouter(impose(retrievalMode), impose(sparseMode))!;
        const result = await forward(model.decoder, caseNumbers(golden, "input_ids"), 16, router);
        expect(Array.from(result.fullHeads)).toEqual(Array.from(caseNumbers(golden, "full_heads")));
        const error = relativeError(result.logits, caseNumbers(golden, "logits_f32"));
        if (dtype === "f32") {
          expect(relativeError(result.routerLogits!, caseNumbers(golden, "router_logits"))).toBeLessThan(1e-3);
          expect(error).toBeLessThan(1e-3);
          if (agreement.total > 0) expect(agreement.equal / agreement.total).toBeGreaterThanOrEqual(0.999);
        } else {
          expect(error).toBeLessThan(facts.rel_err_bf16 * 1.5);
        }
        expect(backend.memory().liveAllocations).toBeGreaterThan(0);
      }
      golden.close();
    });
  });
}

function imposeRecordedMasks(recorded: Uint8Array, blocks: number, heads: number, agreement: { equal: number; total: number }): void {
  registerAttentionMode<RecordedMode & AttentionMode>({
    ...(xattentionModeDefinition as object),
    kind: "recorded",
    label: "XA (recorded)",
    validate: () => {},
    pattern: ({ base }: RecordedMode) => xattentionModeDefinition.pattern(base),
    decodePattern: () => ({ type: "full" }),
    retention: () => ({ type: "all" }),
    select: (context): BlockMask => {
      const own = xattentionModeDefinition.select!({ ...context, mode: context.mode.base });
      const chosen = own.visited.download();
      own[Symbol.dispose]();
      const layer = recorded.slice(context.layer * heads * blocks * blocks, (context.layer + 1) * heads * blocks * blocks);
      const group = heads / context.cache.numKeyValueHeads;
      for (const keyValueHead of context.keyValueHeads) {
        for (let i = keyValueHead * group * blocks * blocks; i < (keyValueHead + 1) * group * blocks * blocks; i++) {
          agreement.total += 1;
          if (chosen[i] === layer[i]) agreement.equal += 1;
        }
      }
      return blockMaskFromHost(context.query.backend, layer, { blockSize: context.mode.base.blockSize, numQueryHeads: heads, keyBlocks: blocks });
    },
  } as Parameters<typeof registerAttentionMode<RecordedMode & AttentionMode>>[0]);
}

