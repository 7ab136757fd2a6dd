import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The parts of a package.json that the rules read. */
export interface Manifest {
  readonly name: string;
  readonly exports?: string | Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export type WorkspaceArea = "packages" | "apps" | "tooling";

export interface WorkspacePackage {
  readonly area: WorkspaceArea;
  /** Path from the repository root, for example `packages/tensor`. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly manifestText: string;
  /** Paths from the repository root of the files in it that git does not ignore. */
  readonly files: readonly string[];
}

export interface Workspace {
  readonly root: string;
  /** Every file that git tracks or would track, as paths from the root, sorted. */
  readonly files: readonly string[];
  readonly packages: readonly WorkspacePackage[];
}

/** Files that git tracks; with `untracked`, also those it would track. Files deleted from the work tree are left out. */
export function listFiles(root: string, options: { readonly untracked: boolean }): string[] {
  const listing = execFileSync(
    "git",
    ["ls-files", "-z", "--cached", ...(options.untracked ? ["--others", "--exclude-standard"] : [])],
    { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 },
  );
  const files = new Set(listing.split("\0").filter((file) => file !== ""));
  return [...files].filter((file) => existsSync(join(root, file))).toSorted();
}

export function readWorkspace(root: string): Workspace {
  const files = listFiles(root, { untracked: true });
  const packages: WorkspacePackage[] = [];
  for (const file of files) {
    const [, area, folderName] = /^(packages|apps|tooling)\/([^/]+)\/package\.json$/.exec(file) ?? [];
    if (area === undefined || folderName === undefined) continue;
    const folder = `${area}/${folderName}`;
    const manifestText = readFileSync(join(root, file), "utf8");
    packages.push({
      area: area as WorkspaceArea,
      folder,
      manifest: JSON.parse(manifestText) as Manifest,
      manifestText,
      files: files.filter((candidate) => candidate.startsWith(`${folder}/`)),
    });
  }
  return { root, files, packages };
}
