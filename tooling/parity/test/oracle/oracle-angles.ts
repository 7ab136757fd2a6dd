import type { OracleAngles, OracleConfig } from "./oracle-model.js";

/** Angles from one set of rope parameters, as the README of the golden cases defines the scalings. */
export function oracleAngles(rope: OracleConfig, config: OracleConfig, rotated: number, length: number): OracleAngles {
  const theta = rope["rope_theta"] as number;
  const longest = config["max_position_embeddings"] as number;
  const original = (config["original_max_position_embeddings"] ?? rope["original_max_position_embeddings"] ?? longest) as number;
  const plain = powers(theta, rotated);
  switch ((rope["rope_type"] ?? "default") as string) {
    case "default":
      return { frequencies: plain, factor: 1 };
    case "linear":
      return { frequencies: plain.map((each) => each / (rope["factor"] as number)), factor: 1 };
    case "dynamic": {
      const factor = rope["factor"] as number;
      const grown = length <= longest ? theta : theta * ((factor * length) / longest - (factor - 1)) ** (rotated / (rotated - 2));
      return { frequencies: powers(grown, rotated), factor: 1 };
    }
    case "llama3": {
      const [factor, low, high] = [rope["factor"], rope["low_freq_factor"], rope["high_freq_factor"]] as number[];
      const frequencies = plain.map((each) => {
        const wavelength = (2 * Math.PI) / each;
        if (wavelength < original / high!) return each;
        if (wavelength > original / low!) return each / factor!;
        const smooth = (original / wavelength - low!) / (high! - low!);
        return ((1 - smooth) * each) / factor! + smooth * each;
      });
      return { frequencies, factor: 1 };
    }
    case "yarn":
      return yarn(rope, theta, rotated, original);
    case "longrope": {
      const list = rope[length > original ? "long_factor" : "short_factor"] as number[];
      const stretch = (rope["factor"] ?? longest / original) as number;
      const usual = stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(original));
      return { frequencies: plain.map((each, pair) => each / list[pair]!), factor: (rope["attention_factor"] ?? usual) as number };
    }
    default:
      throw new Error(`rope ${String(rope["rope_type"])}`);
  }
}

function powers(theta: number, rotated: number): number[] {
  return Array.from({ length: rotated / 2 }, (_, pair) => theta ** ((-2 * pair) / rotated));
}

function yarn(rope: OracleConfig, theta: number, rotated: number, original: number): OracleAngles {
  const factor = rope["factor"] as number;
  const bound = (turns: number) => (rotated * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  let [low, high] = [bound((rope["beta_fast"] ?? 32) as number), bound((rope["beta_slow"] ?? 1) as number)];
  if (rope["truncate"] !== false) [low, high] = [Math.floor(low), Math.ceil(high)];
  [low, high] = [Math.max(low, 0), Math.min(high, rotated - 1)];
  if (low === high) high += 0.001;
  // Published models blend in float32, each step rounded: a frequency rounded only at the end is one bit off, and position 700 shows it.
  const round = Math.fround;
  const frequencies = Array.from({ length: rotated / 2 }, (_, pair) => {
    const wavelength = round(theta ** round((2 * pair) / rotated));
    const fast = round(1 - Math.min(1, Math.max(0, round(round(pair - round(low)) / round(high - low)))));
    return round(round(round(1 / round(factor * wavelength)) * round(1 - fast)) + round(round(1 / wavelength) * fast));
  });
  const m = (scale: number) => 0.1 * scale * Math.log(factor) + 1;
  const [mscale, all] = [rope["mscale"], rope["mscale_all_dim"]] as (number | undefined)[];
  const usual = mscale && all ? m(mscale) / m(all) : m(1);
  return { frequencies, factor: (rope["attention_factor"] ?? usual) as number };
}
