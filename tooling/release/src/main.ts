import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPackages, loadProblems } from "./install-packages.js";
import { packageProblems } from "./package-problems.js";
import { packPackage } from "./packed-package.js";

function publicPackageFolders(root: string): string[] {
  return ["packages", "apps"]
    .flatMap((area) => readdirSync(join(root, area)).map((name) => join(root, area, name)))
    .filter((folder) => {
      const manifest = join(folder, "package.json");
      return existsSync(manifest) && !(JSON.parse(readFileSync(manifest, "utf8")) as { private?: boolean }).private;
    });
}

const temporary = mkdtempSync(join(tmpdir(), "elastic-attention-release-"));
try {
  const packages = publicPackageFolders(process.cwd()).map((folder) => packPackage(folder, temporary));
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
