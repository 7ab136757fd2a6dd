import { dirname } from "node:path";
import type { Violation } from "../violation.js";
import type { Workspace } from "../workspace.js";

/** Beyond this a folder is a list to search, no longer a table of contents. */
export const maximumFolderFiles = 16;
/** What half of the folders hold at most. */
export const medianFolderFiles = 8;

/** Folders of files that programs write or a test only reads: instantiations of one template, test data, changesets. */
const generated = /(?:^|\/)(?:fixtures|instances|\.changeset)(?:\/|$)/;

/** How many files folders hold. */
export interface FolderSizes {
  readonly folders: number;
  readonly median: number;
  readonly most: number;
  readonly counts: ReadonlyMap<string, number>;
}

export function folderSizes(workspace: Pick<Workspace, "files">): FolderSizes {
  const counts = new Map<string, number>();
  for (const file of workspace.files) {
    const folder = dirname(file);
    if (!generated.test(folder)) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  const sizes = [...counts.values()].toSorted((a, b) => a - b);
  return { folders: sizes.length, median: sizes[Math.floor(sizes.length / 2)] ?? 0, most: sizes.at(-1) ?? 0, counts };
}

/** Folders are the table of contents: each holds few files. */
export function checkFolderSize(workspace: Workspace): Violation[] {
  const { counts, median } = folderSizes(workspace);
  const violations = [...counts].flatMap(([folder, count]) =>
    count > maximumFolderFiles ? [violation(folder, `${count} files in one folder, above ${maximumFolderFiles}: make rooms by subject.`)] : [],
  );
  if (median > medianFolderFiles) violations.push(violation(".", `Half of the folders hold ${median} files or more, above ${medianFolderFiles}.`));
  return violations;
}

function violation(file: string, message: string): Violation {
  return { file, line: 1, rule: "folder-size", message };
}
