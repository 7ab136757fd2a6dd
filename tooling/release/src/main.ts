import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { installPackages, loadProblems } from "./install-packages.js";
import { packageProblems } from "./package-problems.js";
import { packPackage } from "./packed-package.js";

/** What is published, and the examples: they must work for somebody who has nothing but the published packages. */
function packageFolders(root: string): string[] {
  return ["packages", "apps"]
    .flatMap((area) => readdirSync(join(root, area)).map((name) => join(root, area, name)))
    .filter((folder) => {
      const file = join(folder, "package.json");
      if (!existsSync(file)) return false;
      const manifest = JSON.parse(readFileSync(file, "utf8")) as { private?: boolean };
      return manifest.private !== true || basename(folder).startsWith("example-");
    });
}

const temporary = mkdtempSync(join(tmpdir(), "elastic-attention-release-"));
try {
  const packages = packageFolders(process.cwd()).map((folder) => packPackage(folder, temporary));
  const problems = packages.flatMap((packed) =>
    packageProblems(packed).map((problem) => `${packed.manifest.name} ${problem}`),
  );
  if (problems.length === 0) {
    const consumer = join(temporary, "consumer");
    mkdirSync(consumer);
    installPackages(packages, consumer);
    problems.push(...loadProblems(packages, consumer));
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(`${packages.length} packages pack, install and load.`);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
