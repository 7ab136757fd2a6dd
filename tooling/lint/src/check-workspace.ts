import { checkFileLength, fileLengths } from "./rules/file-length.js";
import { checkFileNames } from "./rules/file-names.js";
import { checkFolderSize, type FolderSizes, folderSizes } from "./rules/folder-size.js";
import { checkImportArrows } from "./rules/import-arrows.js";
import { checkManifestDependencies } from "./rules/manifest-dependencies.js";
import { checkPackageLayout } from "./rules/package-layout.js";
import { checkRepositorySize } from "./rules/repository-size.js";
import type { Violation } from "./violation.js";
import { readWorkspace } from "./workspace.js";

export interface WorkspaceReport {
  readonly packages: number;
  readonly files: number;
  readonly violations: readonly Violation[];
  readonly folders: Omit<FolderSizes, "counts">;
  /** Of the longest source file that is no table. */
  readonly mostLines: number;
}

/** Every rule over the workspace whose repository root is `root`. */
export function checkWorkspace(root: string): WorkspaceReport {
  const workspace = readWorkspace(root);
  return {
    packages: workspace.packages.length,
    files: workspace.files.length,
    violations: [
      ...checkImportArrows(workspace),
      ...checkManifestDependencies(workspace),
      ...checkFileNames(workspace),
      ...checkPackageLayout(workspace),
      ...checkFileLength(workspace),
      ...checkFolderSize(workspace),
      ...checkRepositorySize(root),
    ],
    folders: folderSizes(workspace),
    mostLines: Math.max(0, ...fileLengths(workspace).values()),
  };
}
