import { type CachedModel, listModels, sizeText } from "@elastic-attention/hub";
import type { CommandFunction } from "../../program/command-definition.js";
import type { CacheOptions } from "./cache-commands.js";

/** `list`: the models in the cache. */
export const list: CommandFunction<CacheOptions> = async ({ options: { json = false } }) => {
  const { cacheFolder, models, size } = await listModels();
  if (json) {
    console.log(JSON.stringify({ cacheFolder, size, models }, undefined, 2));
    return 0;
  }
  if (models.length === 0) {
    console.log(`The cache ${cacheFolder} has no models. Fetch one: elastic-attention pull owner/name`);
    return 0;
  }
  const rows = [["NAME", "REVISION", "SIZE", "LAST USED", "FORMAT", ""], ...models.map(row)];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  for (const cells of rows) console.log(cells.map((cell, column) => (column === 2 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join("  ").trimEnd());
  console.log(`${sizeText(size)} in ${cacheFolder}`);
  return 0;
};

function row({ name, revisions, commit, size, lastUsed, format, quantisations, complete }: CachedModel): string[] {
  const revision = revisions.length > 0 ? `${revisions.join(", ")} (${commit.slice(0, 7)})` : commit.slice(0, 12);
  const weights = quantisations.length > 0 ? `${format} ${quantisations.join(", ")}` : (format ?? "no weights");
  return [name, revision, sizeText(size), ageText(lastUsed), weights, complete ? "" : "incomplete"];
}

/** "3 hours ago". */
function ageText(time: Date): string {
  const minutes = Math.max(0, Math.floor((Date.now() - time.getTime()) / 60_000));
  const [count, unit] = minutes < 60 ? [minutes, "minute"] : minutes < 2880 ? [Math.floor(minutes / 60), "hour"] : [Math.floor(minutes / 1440), "day"];
  return minutes === 0 ? "just now" : `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}
