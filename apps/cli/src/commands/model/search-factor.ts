import { InvalidOptionError } from "@elastic-attention/core";

/** A factor that was tried, and the share of tiles that it skips. */
export interface MeasuredFactor {
  readonly factor: number;
  readonly share: number;
}

/** Measurements that a search takes at the most. */
export const mostMeasurements = 14;

/** How near a share is near enough. */
const tolerance = 0.005;

/** Factors are told in three digits, and measured as they are told. */
function rounded(factor: number): number {
  return Number(factor.toPrecision(3));
}

/**
 * Finds the factor that skips a share of tiles: a larger one skips more. Halves the range of its logarithm.
 *
 * @param tokens of a prompt: a factor of as many skips every tile without a larger score than those before it
 * @throws InvalidOptionError where not even that skips as many
 */
export async function searchFactor(wanted: number, tokens: number, measure: (factor: number) => Promise<number>): Promise<MeasuredFactor> {
  if (wanted === 0) return { factor: 0, share: 0 };
  let best: MeasuredFactor = { factor: tokens, share: await measure(tokens) };
  if (best.share < wanted - tolerance) {
    throw new InvalidOptionError(
      `At most ${(100 * best.share).toFixed(1)}% of the tiles of these texts can be skipped, ${(100 * wanted).toFixed(1)}% were asked for.`,
      "--share",
      "Ask for a smaller --share, or give longer prompts with --tokens.",
    );
  }
  let [low, high] = [Math.log(tokens * 1e-9), Math.log(tokens)];
  for (let count = 1; count < mostMeasurements && Math.abs(best.share - wanted) > tolerance; count++) {
    const middle = (low + high) / 2;
    const factor = rounded(Math.exp(middle));
    const share = await measure(factor);
    if (Math.abs(share - wanted) < Math.abs(best.share - wanted)) best = { factor, share };
    if (share > wanted) high = middle;
    else low = middle;
  }
  return best;
}
