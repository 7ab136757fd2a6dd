// Publishes the tarballs that the release check has left in a folder; versions that the registry has are passed over.
//   node tooling/release/publish.mjs tarballs [options of npm publish]
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const [folder, ...options] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node tooling/release/publish.mjs FOLDER [options of npm publish]");
  process.exit(1);
}
const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz") && !name.includes("example-"));
// Binaries first: who installs in between finds what the others ask for.
const platform = /-(linux|darwin|win32)-/;
tarballs.sort((a, b) => Number(platform.test(b)) - Number(platform.test(a)) || a.localeCompare(b));
for (const name of tarballs) {
  const { status, stderr } = spawnSync("npm", ["publish", join(folder, name), "--access", "public", ...options], { encoding: "utf8" });
  if (status === 0) console.log(`published ${name}`);
  else if (/previously published|EPUBLISHCONFLICT|already present/.test(stderr)) console.log(`${name} is there already`);
  else {
    console.error(stderr);
    process.exit(status ?? 1);
  }
}
