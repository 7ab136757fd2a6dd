import { arrayValue, floatTensor, ggufImage, key, text, u32, u64, valueTypeNumbers } from "./gguf-image.js";

type Random = () => number;

const lengths: readonly bigint[] = [0n, 1n, 2n, 31n, 32n, 33n, 255n, 256n, 65_536n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 60n, 2n ** 61n, 2n ** 63n, 2n ** 64n - 1n];

/** Valid GGUF files to begin with. */
export function seedGgufFiles(): readonly Uint8Array[] {
  const { array, u8, f64, i64 } = valueTypeNumbers;
  return [
    ggufImage({}),
    ggufImage({ version: 2, keys: [key("general.architecture", "llama")], tensors: [floatTensor("w", [8, 4])] }),
    ggufImage({
      keys: [
        key("general.architecture", "qwen3"), key("general.alignment", 64), key("qwen3.block_count", 2), key("yes", true), key("eps", 1e-5), key("tokens", ["a", "b", "<s>", ""]),
        key("scores", [0.5, -1]), key("types", [1, 2, 3]), { key: "bytes", type: array, value: arrayValue(u8, [Uint8Array.of(1, 2)]) },
        { key: "wide", type: i64, value: u64(-1n) }, { key: "double", type: f64, value: u64(1n) },
      ],
      alignment: 64,
      tensors: [
        floatTensor("token_embd.weight", [32, 5]),
        { name: "q", sizes: [32, 2], type: 8, bytes: new Uint8Array(68) },
        { name: "k", sizes: [256], type: 12, bytes: new Uint8Array(144) },
      ],
    }),
    ggufImage({ tensors: Array.from({ length: 20 }, (_, i) => floatTensor(`blk.${i}.w`, [2, 2, 2, 1])) }),
  ];
}

function below(limit: number, random: Random): number {
  return Math.floor(random() * limit);
}

function pick<T>(choices: readonly T[], random: Random): T {
  return choices[below(choices.length, random)]!;
}

/** A changed copy of a GGUF file: bits, whole numbers, pieces; mostly where numbers stand, so that it mostly stays readable. */
export function mutateGguf(file: Uint8Array, random: Random): Uint8Array {
  let bytes: Buffer = Buffer.from(file);
  for (let changes = 1 + below(3, random); changes > 0; changes--) {
    const current = bytes;
    const at = below(current.length + 1, random);
    const length = below(Math.min(24, current.length - at + 1), random);
    const splice = (cut: number, insert: Uint8Array) => Buffer.concat([current.subarray(0, at), insert, current.subarray(at + cut)]);
    /** Puts a number over the bytes at a place where one of that size may stand. */
    const over = (number: Uint8Array) => {
      const place = Math.min(at, Math.max(0, current.length - number.length));
      const copy = Buffer.from(current);
      copy.set(number.subarray(0, current.length - place), place);
      return copy;
    };
    const mutations: readonly (() => Buffer)[] = [
      () => over(Uint8Array.of(below(256, random))),
      () => over(Uint8Array.of((current[at] ?? 0) ^ (1 << below(8, random)))),
      () => over(u64(pick(lengths, random))),
      () => over(u32(below(15, random))),
      () => over(u32(pick([0, 1, 4, 5, 30, 41, 42, 77, 200, 2 ** 31, 2 ** 32 - 1], random))),
      () => splice(length, new Uint8Array(0)),
      () => splice(0, current.subarray(at, at + length)),
      () => splice(0, text(pick(["", "a", "general.alignment", "\uFFFD"], random))),
      () => current.subarray(0, at),
      () => Buffer.concat([current, new Uint8Array(1 + below(80, random))]),
      () => headerCount(current, random),
    ];
    bytes = pick(mutations, random)();
  }
  return bytes;
}

/** One of the two counts at the beginning, a little or much changed. */
function headerCount(bytes: Buffer, random: Random): Buffer {
  if (bytes.length < 24) return bytes;
  const copy = Buffer.from(bytes);
  const at = random() < 0.5 ? 8 : 16;
  const near = BigInt.asUintN(64, copy.readBigUInt64LE(at) + BigInt(below(5, random) - 2));
  copy.writeBigUInt64LE(random() < 0.5 ? near : pick(lengths, random), at);
  return copy;
}
