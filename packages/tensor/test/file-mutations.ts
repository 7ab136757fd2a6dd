import { byteEntry, safetensorsImage } from "./safetensors-image.js";

/** Texts that parsers trip over. */
const texts: readonly string[] = [
  "{", "}", "[", "]", '"', ",", ":", "\\", "\\u005f", "\0", "\u00ff", " ", "null", "true", "-1", "0", "-0", "1e400", "1e-9", "0.5",
  "4294967296", "9007199254740991", "9007199254740993", "18446744073709551615", "[[[[[[[[", "[0,0]", '{"a":{}}',
];
const names: readonly string[] = [
  '"__proto__"', '"__metadata__"', '"dtype"', '"shape"', '"data_offsets"', '"F64"', '"U8"', '"BF16"', '"constructor"', '"weight_map"', '""', '"\\ud800"',
];
const values: readonly string[] = ["null", "[]", "{}", "0", '"x"', '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}', '{"format":1}'];

const lengths: readonly bigint[] = [0n, 1n, 7n, 8n, 100_000_000n, 100_000_001n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

/** Valid safetensors files to begin with. */
export function seedFiles(): readonly Uint8Array[] {
  const entry = (dtype: string, shape: readonly number[], start: number, end: number) => ({ dtype, shape, data_offsets: [start, end] });
  return [
    safetensorsImage("{}"),
    safetensorsImage({ a: byteEntry(0, 4) }, 4),
    safetensorsImage({ __metadata__: { format: "pt", note: 'a "quoted" \\ text' }, w: entry("F32", [2, 3], 0, 24), b: entry("BF16", [3], 24, 30) }, 30),
    safetensorsImage({ scalar: entry("F64", [], 0, 8), empty: entry("I64", [0, 7], 8, 8), last: entry("F16", [2, 2, 2], 8, 24) }, 24),
    safetensorsImage(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`layers.${i}.weight`, byteEntry(i * 3, i * 3 + 3)])), 120),
    safetensorsImage(`{ "é\\u00e9" : ${JSON.stringify(byteEntry(0, 1))} }   `, 1),
  ];
}

/** A valid index over shards named in it. */
export function seedIndex(tensors: Readonly<Record<string, string>>): Uint8Array {
  return Buffer.from(JSON.stringify({ metadata: { total_size: 8 }, weight_map: tensors }));
}

type Random = () => number;

function below(limit: number, random: Random): number {
  return Math.floor(random() * limit);
}

function pick<T>(choices: readonly T[], random: Random): T {
  return choices[below(choices.length, random)]!;
}

/** A changed copy of a safetensors file; mostly its length prefix still fits, so that the checks behind it are reached. */
export function mutateSafetensors(file: Uint8Array, random: Random): Uint8Array {
  const headerEnd = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const [header, data] = [file.subarray(8, headerEnd), file.subarray(headerEnd)];
  const choice = random();
  if (choice < 0.15) return mutateBytes(file, random);
  const changed = choice < 0.25 ? header : mutateJson(header, random);
  const changedData = choice < 0.35 ? mutateBytes(data, random) : data;
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(random() < 0.05 ? pick(lengths, random) : BigInt(changed.length));
  return Buffer.concat([prefix, changed, changedData]);
}

/** A changed copy of a JSON text: by bytes, or by tokens so that it mostly stays JSON. */
export function mutateJson(text: Uint8Array, random: Random): Uint8Array {
  return random() < 0.3 ? mutateBytes(text, random) : mutateTokens(text, random);
}

/** Bytes flipped, cut, doubled or replaced. */
function mutateBytes(original: Uint8Array, random: Random): Uint8Array {
  let bytes = original;
  for (let changes = 1 + below(3, random); changes > 0; changes--) {
    const current = bytes;
    const at = below(current.length + 1, random);
    const length = below(Math.min(16, current.length - at + 1), random);
    const splice = (cut: number, insert: Uint8Array) => Buffer.concat([current.subarray(0, at), insert, current.subarray(at + cut)]);
    const mutations: readonly (() => Uint8Array)[] = [
      () => splice(1, Uint8Array.of(below(256, random))),
      () => splice(1, Uint8Array.of((current[at] ?? 0) ^ (1 << below(8, random)))),
      () => splice(length, new Uint8Array(0)),
      () => splice(0, current.subarray(at, at + length)),
      () => splice(length, Buffer.from(pick(texts, random))),
      () => splice(0, Buffer.from(pick(texts, random).repeat(1 + below(3, random)))),
      () => current.subarray(0, at),
      () => Buffer.concat([current, new Uint8Array(1 + below(9, random))]),
    ];
    bytes = pick(mutations, random)();
  }
  return bytes;
}

const isName = (token: string) => token.startsWith('"');
const isNumber = (token: string) => /^-?\d/.test(token);

/** Strings and numbers replaced by others, pairs and values doubled, dropped or exchanged. */
function mutateTokens(text: Uint8Array, random: Random): Uint8Array {
  let parts: string[] = Buffer.from(text).toString("latin1").match(/"(?:\\.|[^"\\])*"|-?\d[\d.eE+-]*|[^"\d-]|./gs) ?? [];
  for (let changes = 1 + below(3, random); changes > 0; changes--) {
    const chosen = parts.flatMap((part, i) => (isName(part) || isNumber(part) ? [i] : []));
    if (chosen.length === 0) break;
    const [at, other] = [pick(chosen, random), pick(chosen, random)];
    const token = parts[at]!;
    const mutations: readonly (() => void)[] = [
      () => (parts[at] = pick(isName(token) ? names : numbers(Number(token)), random)),
      () => (parts[at] = isNumber(token) ? pick(numbers(Number(token)), random) : parts[other]!),
      () => (parts[at] = pick(texts, random)),
      () => ([parts[at], parts[other]] = [parts[other]!, token]),
      () => (parts = [...parts.slice(0, at), token, ",", ...parts.slice(at)]),
      () => (parts = [...parts.slice(0, at), token, ":", pick(values, random), ",", ...parts.slice(at)]),
      () => (parts = parts.toSpliced(at, parts[at + 1] === "," ? 2 : 1)),
    ];
    pick(mutations, random)();
  }
  return Buffer.from(parts.join(""), "latin1");
}

function numbers(value: number): readonly string[] {
  return [value + 1, value - 1, value * 2, value * 256, -value, value / 2, 2 ** 32, 2 ** 53, 0].map(String);
}
