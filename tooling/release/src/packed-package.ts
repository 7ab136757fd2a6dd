import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/** The parts of a packed package.json that are checked. */
export interface PackedManifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly repository?: unknown;
}

export interface PackedPackage {
  /** Path of the .tgz file. */
  readonly tarball: string;
  readonly manifest: PackedManifest;
  /** Paths in the package, `package.json` and the like. */
  readonly files: ReadonlySet<string>;
}

/** Packs the package in `folder` into `destination` with pnpm and its packing hook; the NOTICE of the workspace goes with it. */
export function packPackage(folder: string, destination: string, noticeFile: string): PackedPackage {
  const notice = join(folder, "NOTICE");
  copyFileSync(noticeFile, notice);
  try {
    return pack(folder, destination);
  } finally {
    rmSync(notice);
  }
}

function pack(folder: string, destination: string): PackedPackage {
  const output = execFileSync("pnpm", ["pack", "--json", "--pack-destination", destination], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { filename } = JSON.parse(output) as { filename: string };
  return readPackedPackage(filename);
}

export function readPackedPackage(tarball: string): PackedPackage {
  const tar = (...options: string[]): string => execFileSync("tar", options, { encoding: "utf8" });
  const prefix = "package/";
  const files = tar("-tzf", tarball).split("\n").filter((file) => file.startsWith(prefix));
  return {
    tarball,
    manifest: JSON.parse(tar("-xzOf", tarball, `${prefix}package.json`)) as PackedManifest,
    files: new Set(files.map((file) => file.slice(prefix.length))),
  };
}
