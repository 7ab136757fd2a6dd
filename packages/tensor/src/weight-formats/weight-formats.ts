import { UnsupportedWeightFormatError } from "@elastic-attention/core";
import { kQuantsSymmetric } from "./k-quants-symmetric.js";
import { kQuantsWithMinimum } from "./k-quants-with-minimum.js";
import { mxfp4Format } from "./mxfp4.js";
import { nonlinear4Formats } from "./nonlinear-4.js";
import { plainFormats } from "./plain.js";
import { scaled32Formats } from "./scaled-32.js";
import type { WeightFormat } from "./weight-format.js";

/** The formats that can be read, by name. */
export const weightFormats: ReadonlyMap<string, WeightFormat> = new Map(
  [plainFormats, scaled32Formats, kQuantsWithMinimum, kQuantsSymmetric, nonlinear4Formats, mxfp4Format].flat().map((format) => [format.name, format]),
);

/** @param what the tensor or file, for the error. @throws UnsupportedWeightFormatError */
export function weightFormat(name: string, what: string): WeightFormat {
  const format = weightFormats.get(name);
  if (format === undefined) throw new UnsupportedWeightFormatError(name, what, weightFormats.keys());
  return format;
}
