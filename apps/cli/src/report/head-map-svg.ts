import type { RoutingReport } from "@elastic-attention/generation";
import { percent } from "./routing-report-text.js";

const colours = ["#1f4e8c", "#f2c14e", "#7fb069", "#b8b8b8"];
const cell = 18;

/** The head map as a picture: a row for each layer, a square for each key-value head. */
export function headMapSvg({ headMap, modes, windows, modelSparsity, promptTokens }: RoutingReport, title: string): string {
  const columns = Math.max(0, ...headMap.map(({ length }) => length));
  const [left, top] = [64, 52];
  const width = Math.max(360, left + columns * cell + 150);
  const height = top + headMap.length * cell + 24;
  const squares = headMap.flatMap((heads, layer) => [
    `<text x="${left - 8}" y="${top + layer * cell + 13}" text-anchor="end">${layer}</text>`,
    ...(heads.length > 0 ? [] : [`<text x="${left}" y="${top + layer * cell + 13}" fill="#777" font-size="11">window of ${windows[layer] ?? "?"}</text>`]),
    ...heads.map(
      (mode, head) =>
        `<rect x="${left + head * cell}" y="${top + layer * cell}" width="${cell - 2}" height="${cell - 2}" rx="2" ` +
        `fill="${colours[mode] ?? "#000"}"><title>layer ${layer}, head ${head}: ${escapeXml(modes[mode] ?? "?")}</title></rect>`,
    ),
  ]);
  const legend = modes.flatMap((label, index) => [
    `<rect x="${left + columns * cell + 20}" y="${top + index * 22}" width="14" height="14" rx="2" fill="${colours[index] ?? "#000"}"/>`,
    `<text x="${left + columns * cell + 40}" y="${top + index * 22 + 12}">${escapeXml(label)}</text>`,
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="16" y="22" font-size="14" font-weight="bold">${escapeXml(title)}</text>`,
    `<text x="16" y="40">layers × key-value heads, ${promptTokens} tokens, ${percent(modelSparsity)} of heads sparse (MSR)</text>`,
    ...squares,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}

function escapeXml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
