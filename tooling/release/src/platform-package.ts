import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A native package whose binaries are packages of their own. */
export interface NativePackage {
  /** `@elastic-attention/cpu`. */
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly platforms: readonly string[];
  /** Its folder in the workspace. */
  readonly folder: string;
}

/** The manifest of a native package, or undefined for one without binaries. */
export function readNativePackage(folder: string): NativePackage | undefined {
  const { name, version, license, platforms } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as NativePackage;
  return platforms === undefined ? undefined : { name, version, license, platforms, folder };
}

/** The binary of a platform, as `build-platform.mjs` builds it for every machine; undefined where it is not built. */
export function platformBinary({ name, folder }: NativePackage, platform: string): string | undefined {
  const file = join(folder, "build", "platforms", platform, binaryName(name));
  return existsSync(file) ? file : undefined;
}

/** What the workspace's own build has made, for this machine and those that are as new. */
export function ownBinary({ name, folder }: NativePackage): string | undefined {
  const file = join(folder, "build", "Release", binaryName(name));
  return existsSync(file) ? file : undefined;
}

function binaryName(name: string): string {
  return `elastic_attention_${name.slice(name.indexOf("/") + 1)}.node`;
}

/**
 * Writes the package of one platform's binary into a folder: manifest with `os`, `cpu` and `libc`, the binary, licence,
 * a README that says who installs it.
 */
export function writePlatformPackage(owner: NativePackage, platform: string, binary: string, folder: string, licenseFile: string): void {
  mkdirSync(folder, { recursive: true });
  const file = binaryName(owner.name);
  const [os, cpu, libc] = platform.split("-");
  const manifest = {
    name: `${owner.name}-${platform}`,
    version: owner.version,
    description: `The binary of ${owner.name} for ${platform}`,
    license: owner.license,
    main: file,
    files: [file, "NOTICE"],
    os: [os],
    cpu: [cpu],
    // npm knows glibc as it is called elsewhere.
    ...(libc !== undefined && { libc: [libc === "gnu" ? "glibc" : libc] }),
    preferUnplugged: true,
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(binary, join(folder, file));
  copyFileSync(licenseFile, join(folder, "LICENSE"));
  writeFileSync(
    join(folder, "README.md"),
    `# ${manifest.name}\n\nThe binary of [${owner.name}](https://www.npmjs.com/package/${owner.name}) for ${platform}. Package managers install it with that package; nobody needs to ask for it.\n`,
  );
}
