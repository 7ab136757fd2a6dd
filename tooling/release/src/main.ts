import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { platformName } from "@elastic-attention/addon";
import { installPackages, loadProblems } from "./install-packages.js";
import { demoProblems, installedSize, sizeProblems, withDependencies } from "./installed-program.js";
import { binaryProblems } from "./binary-problems.js";
import { packageProblems } from "./package-problems.js";
import { isTestSuite, suiteProblems } from "./installed-suite.js";
import { type PackedPackage, packPackage } from "./packed-package.js";
import { ownBinary, platformBinary, readNativePackage, writePlatformPackage } from "./platform-package.js";

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

interface PackedPlatform {
  readonly platform: string;
  /** The binary, where it is made for every machine; undefined for one that this machine has made for itself. */
  readonly published: string | undefined;
  readonly packed: PackedPackage;
}

/** The packages of all binaries that are built here: this machine's own, and what was built for other platforms. */
function packPlatforms(folders: readonly string[], temporary: string): PackedPlatform[] {
  return folders.flatMap((folder) => {
    const owner = readNativePackage(folder);
    if (owner === undefined) return [];
    return owner.platforms.flatMap((platform) => {
      const published = platformBinary(owner, platform);
      const binary = published ?? (platform === platformName() ? ownBinary(owner) : undefined);
      if (binary === undefined) return [];
      const made = join(temporary, "platforms", `${basename(folder)}-${platform}`);
      writePlatformPackage(owner, platform, binary, made, join(root, "LICENSE"));
      return [{ platform, published, packed: packPackage(made, temporary, notice) }];
    });
  });
}

/** Installs the command line alone and asks it, as somebody does who has just heard of it. */
function programProblems(packages: readonly PackedPackage[]): string[] {
  const folder = emptyFolder("program");
  const started = performance.now();
  installPackages(packages, folder);
  return [...demoProblems(folder, started), ...sizeProblems(installedSize(folder))];
}

/** What is wrong with any package; those that pack well are installed and used. */
function releaseProblems(packages: readonly PackedPackage[], platforms: readonly PackedPlatform[], own: readonly PackedPackage[]): string[] {
  const problems = [
    ...packages.flatMap((packed) => packageProblems(packed).map((problem) => `${packed.manifest.name} ${problem}`)),
    ...platforms.flatMap(({ platform, published, packed }) =>
      published === undefined ? [] : binaryProblems(published, platform).map((problem) => `${packed.manifest.name} ${problem}`),
    ),
  ];
  if (problems.length > 0) return problems;
  const [suites, libraries] = [packages.filter(isTestSuite), packages.filter((packed) => !isTestSuite(packed))];
  const consumer = emptyFolder("consumer");
  installPackages([...libraries, ...own], consumer);
  return [
    ...programProblems(withDependencies([...libraries, ...own], program)),
    ...loadProblems(libraries, consumer),
    ...suiteProblems([...packages, ...own], suites, consumer),
  ];
}

function emptyFolder(name: string): string {
  const folder = join(temporary, name);
  mkdirSync(folder);
  return folder;
}

/** The folders of the command line and of what it depends on. */
function programFolders(): string[] {
  const manifests = packageFolders().map((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as PackedPackage["manifest"];
    return { folder, manifest, tarball: "", files: new Set<string>() };
  });
  const needed = new Set(withDependencies(manifests, program).map(({ manifest }) => manifest.name));
  return manifests.filter(({ manifest }) => needed.has(manifest.name)).map(({ folder }) => folder);
}

const program = "@elastic-attention/cli";
/** `--program`: only that the command line packs, installs, keeps its size and answers; seconds, and no declarations are needed. */
const programOnly = process.argv[2] === "--program";
/** Where the tarballs stay when they are to be published: `release:check OUT`. */
const kept = process.argv[2] === undefined || programOnly ? undefined : resolve(process.argv[2]);
const temporary = mkdtempSync(join(tmpdir(), "elastic-attention-release-"));
try {
  const tarballs = kept ?? temporary;
  mkdirSync(tarballs, { recursive: true });
  const folders = programOnly ? programFolders() : packageFolders();
  const packages = folders.map((folder) => packPackage(folder, tarballs, notice));
  const platforms = packPlatforms(folders, tarballs);
  const own = platforms.filter(({ platform }) => platform === platformName()).map(({ packed }) => packed);
  const problems = programOnly ? programProblems([...packages, ...own]) : releaseProblems(packages, platforms, own);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else {
    console.log(`${packages.length} packages pack, install and load; the demo answers from them without a compiler.`);
    const name = ({ packed: { manifest }, published }: PackedPlatform) => `${manifest.name}${published === undefined ? " (made for this machine, not to be published)" : ""}`;
    console.log(`Binaries: ${platforms.map(name).join(", ")}`);
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
