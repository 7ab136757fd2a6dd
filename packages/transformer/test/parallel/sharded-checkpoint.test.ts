import { InvalidOptionError } from "@elastic-attention/core";
import { type Checkpoint, hostArray } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { checkModel, type ModelSpec, openModelFiles, shardModel, shardSpec } from "../../src/index.js";
import { ShardedCheckpoint } from "../../src/parallel/sharded-checkpoint.js";
import { tensorSlices } from "../../src/parallel/tensor-slices.js";
import { tinyAdapter, tinyCheckpoint } from "../tiny-checkpoint.js";

const floats = (checkpoint: Checkpoint, name: string) => Array.from(hostArray(checkpoint.read(name), "f32"));
const row = (values: readonly number[], index: number, length: number) => values.slice(index * length, (index + 1) * length);

/** Works with a tiny model: 4 query and 2 key-value heads of 8, 24 hidden, 40 inner, 50 tokens. */
function withShares(size: number, work: (parts: { whole: Checkpoint; shares: readonly ShardedCheckpoint[]; spec: ModelSpec }) => void, placement?: Parameters<typeof shardModel>[2]): void {
  using folder = tinyCheckpoint();
  using files = openModelFiles(folder.path);
  const { spec } = checkModel(files, tinyAdapter);
  const shares = shardModel(spec, size, placement).map((shard) => new ShardedCheckpoint(files.checkpoint, tensorSlices(tinyAdapter, spec, shard)));
  work({ whole: files.checkpoint, shares, spec });
}

describe("the shares of a checkpoint", () => {
  test("have the rows and columns of the rank's heads and features, and together all of them", () => {
    withShares(2, ({ whole, shares }) => {
      for (const name of ["q_proj", "k_proj", "v_proj"].map((each) => `model.layers.1.self_attn.${each}.weight`)) {
        expect(shares.flatMap((share) => floats(share, name))).toEqual(floats(whole, name));
      }
      for (const name of ["model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight", "lm_head.weight"]) {
        expect(shares.flatMap((share) => floats(share, name))).toEqual(floats(whole, name));
      }
      for (const [name, columns] of [["self_attn.o_proj", 32], ["mlp.down_proj", 40]] as const) {
        const full = floats(whole, `model.layers.0.${name}.weight`);
        const parts = shares.map((share) => ({ values: floats(share, `model.layers.0.${name}.weight`), width: share.entry(`model.layers.0.${name}.weight`).shape[1]! }));
        expect(parts.reduce((total, { width }) => total + width, 0)).toBe(columns);
        for (let index = 0; index < 24; index++) expect(parts.flatMap(({ values, width }) => row(values, index, width))).toEqual(row(full, index, columns));
      }
      expect(floats(shares[1]!, "model.norm.weight")).toEqual(floats(whole, "model.norm.weight"));
    });
  });

  test("give ranges of their bytes as any checkpoint does, and lie in the file where they are in one piece", () => {
    withShares(2, ({ whole, shares }) => {
      const name = "model.layers.0.self_attn.o_proj.weight";
      const all = shares[1]!.read(name);
      for (const [start, end] of [[0, 4], [60, 200], [64, 128], [all.length - 8, all.length], [12, 12]] as const) {
        expect(shares[1]!.read(name, { start, end })).toEqual(all.subarray(start, end));
      }
      expect(shares[1]!.locate(name)).toBeUndefined();
      const [query, place] = ["model.layers.0.self_attn.q_proj.weight", whole.locate("model.layers.0.self_attn.q_proj.weight")!];
      expect(shares[1]!.locate(query)).toEqual({ descriptor: place.descriptor, position: place.position + 16 * 24 * 4 });
      expect(() => shares[1]!.read(name, { start: 0, end: all.length + 1 })).toThrow(/outside/);
    });
  });

  test("follow a placement of heads, and have heads twice where there are more ranks than heads", () => {
    const placement = [[[1], [0]], [[0], [1]]];
    withShares(2, ({ whole, shares }) => {
      const name = "model.layers.0.self_attn.k_proj.weight";
      expect(floats(shares[0]!, name)).toEqual(floats(whole, name).slice(8 * 24));
      const queries = "model.layers.0.self_attn.q_proj.weight";
      expect(floats(shares[0]!, queries)).toEqual(floats(whole, queries).slice(16 * 24));
    }, { placement });
    withShares(4, ({ whole, shares }) => {
      const name = "model.layers.0.self_attn.v_proj.weight";
      expect(shares.map((share) => floats(share, name))).toEqual([0, 0, 1, 1].map((head) => floats(whole, name).slice(head * 8 * 24, (head + 1) * 8 * 24)));
      expect(shares.flatMap((share) => floats(share, "model.layers.0.self_attn.q_proj.weight"))).toEqual(floats(whole, "model.layers.0.self_attn.q_proj.weight"));
    });
  });
});

describe("a model of several ranks", () => {
  test("has a spec for each share, whose counts add up", () => {
    withShares(2, ({ spec }) => {
      const specs = shardModel(spec, 2).map((shard) => shardSpec(spec, shard));
      expect(specs.map(({ numQueryHeads, numKeyValueHeads }) => [numQueryHeads, numKeyValueHeads])).toEqual([[2, 1], [2, 1]]);
      expect(specs.map(({ layers }) => layers[0]!.feedForward.intermediateSize)).toEqual([20, 20]);
      expect(shardModel(spec, 2)[0]!.outputRows).toEqual([25, 25]);
    });
  });

  test("keeps the blocks of its weights whole, and is refused where it cannot", () => {
    withShares(2, ({ spec }) => {
      expect(shardModel(spec, 2, { featureUnit: 8 }).map(({ features }) => features[0])).toEqual([[0, 16], [16, 40]]);
      expect(() => shardModel(spec, 2, { featureUnit: 32 })).toThrow(/40 features in blocks of 32 cannot be shared by 2 ranks/);
      expect(() => shardModel(spec, 3)).toThrow(/2 key-value heads with 4 query heads cannot be shared by 3 ranks\.\s.*Take 1, 2, 4/);
      expect(() => shardModel(spec, 8)).toThrow(InvalidOptionError);
      expect(() => shardModel(spec, 2, { placement: [[[0], [0]], [[0], [1]]] })).toThrow(/A placement gives each of 2 ranks 1 of the 2 key-value heads/);
    });
  });
});

test("a group that nobody registered is refused by name", async () => {
  const { openRankGroup } = await import("@elastic-attention/tensor");
  expect(() => openRankGroup({ kind: "carrier pigeons", rank: 0, size: 2 })).toThrow(/carrier pigeons is not available/);
});
