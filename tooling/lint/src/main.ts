import { checkWorkspace } from "./check-workspace.js";
import { formatViolation } from "./violation.js";

const root = process.argv[2] ?? process.cwd();
const { packages, files, violations, folders, mostLines } = checkWorkspace(root);
for (const violation of violations) console.error(formatViolation(violation));
if (violations.length > 0) {
  console.error(`Workspace rules: ${violations.length} broken.`);
  process.exitCode = 1;
} else {
  console.log(`Workspace rules hold in ${packages} packages, ${files} files.`);
  console.log(`${folders.folders} folders of ${folders.median} files (median), ${folders.most} at most; source files of ${mostLines} lines at most.`);
}
