/** Scores as the paper writes them: 97.31 for shares, 3.0612 for nats. */
export function scoreText(score: number, unit: "share" | "nats"): string {
  if (!Number.isFinite(score)) return "–";
  return unit === "share" ? (100 * score).toFixed(2) : score.toFixed(3);
}

/** Sparsity: ".73", "1.00"; the dash stands for full attention, as in the paper's tables. */
export function sparsityText(sparsity: number): string {
  if (!Number.isFinite(sparsity) || sparsity === 0) return "–";
  return sparsity.toFixed(2).replace(/^0/, "");
}

/** "98.7 %" */
export function percentText(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** "12 ms", "1.38 s" */
export function secondsText(seconds: number): string {
  return seconds < 0.1 ? `${(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

/** "94.9 MB" */
export function bytesText(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]!}`;
}

/** "8 192", "4K" stays "4K". */
export function lengthText(bucket: string): string {
  return /^\d+$/.test(bucket) ? countText(Number(bucket)) : bucket;
}

/** "8 192": thin spaces between thousands. */
export function countText(count: number): string {
  return Math.round(count).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}
