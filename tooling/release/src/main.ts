import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { platformName } from "@elastic-attention/addon";
import { installPackages, loadProblems } from "./install-packages.js";
import { demoProblems, installedSize, sizeProblems } from "./installed-program.js";
import { packageProblems } from "./package-problems.js";
import { isTestSuite, suiteProblems } from "./installed-suite.js";
import { type PackedPackage, packPackage } from "./packed-package.js";
import { platformBinary, readNativePackage, writePlatformPackage } from "./platform-package.js";

const root = process.cwd();
const notice = join(root, "NOTICE");

/** What is published, and the examples: they must work for somebody who has nothing but the published packages. */
function packageFolders(): string[] {
  return ["packages", "apps"]
    .flatMap((area) => readdirSync(join(root, area)).map((name) => join(root, area, name)))
    .filter((folder) => {
      const file = join(folder, "package.json");
      if (!existsSync(file)) return false;
      const manifest = JSON.parse(readFileSync(file, "utf8")) as { private?: boolean };
      return manifest.private !== true || basename(folder).startsWith("example-");
    });
}

/** The packages of all binaries that are built here: this machine's own, and what was built for other platforms. */
function packPlatforms(folders: readonly string[], temporary: string): { platform: string; packed: PackedPackage }[] {
  return folders.flatMap((folder) => {
    const owner = readNativePackage(folder);
    if (owner === undefined) return [];
    return owner.platforms.flatMap((platform) => {
      const binary = platformBinary(owner, platform, platformName());
      if (!existsSync(binary)) return [];
      const made = join(temporary, "platforms", `${basename(folder)}-${platform}`);
      writePlatformPackage(owner, platform, binary, made, join(root, "LICENSE"));
      return [{ platform, packed: packPackage(made, temporary, notice) }];
    });
  });
}

/** Where the tarballs stay when they are to be published: `release:check OUT`. */
const kept = process.argv[2] === undefined ? undefined : resolve(process.argv[2]);
const temporary = mkdtempSync(join(tmpdir(), "elastic-attention-release-"));
try {
  const tarballs = kept ?? temporary;
  mkdirSync(tarballs, { recursive: true });
  const folders = packageFolders();
  const packages = folders.map((folder) => packPackage(folder, tarballs, notice));
  const platforms = packPlatforms(folders, tarballs);
  const problems = packages.flatMap((packed) =>
    packageProblems(packed).map((problem) => `${packed.manifest.name} ${problem}`),
  );
  if (problems.length === 0) {
    const consumer = join(temporary, "consumer");
    mkdirSync(consumer);
    const [suites, libraries] = [packages.filter(isTestSuite), packages.filter((packed) => !isTestSuite(packed))];
    const own = platforms.filter(({ platform }) => platform === platformName()).map(({ packed }) => packed);
    installPackages([...libraries, ...own], consumer);
    problems.push(...loadProblems(libraries, consumer), ...sizeProblems(installedSize(consumer)), ...demoProblems(consumer));
    problems.push(...suiteProblems([...packages, ...own], suites, consumer));
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else {
    console.log(`${packages.length} packages pack, install and load; the demo answers from them without a compiler.`);
    console.log(`Binaries: ${platforms.map(({ packed }) => packed.manifest.name).join(", ")}`);
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
