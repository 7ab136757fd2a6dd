// Puts binaries that other machines built where the release check looks for them.
//   node tooling/release/place-binaries.mjs FOLDER      with FOLDER/cpu-linux-arm64-musl/elastic_attention_cpu.node, …
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node tooling/release/place-binaries.mjs FOLDER");
  process.exit(1);
}
for (const artifact of readdirSync(folder)) {
  const [, addon, platform] = /^(cpu|cuda)-(.+)$/.exec(artifact) ?? [];
  if (addon === undefined) continue;
  for (const file of readdirSync(join(folder, artifact)).filter((name) => name.endsWith(".node"))) {
    const place = join("packages", addon, "build", "platforms", platform);
    mkdirSync(place, { recursive: true });
    copyFileSync(join(folder, artifact, file), join(place, file));
  }
}
