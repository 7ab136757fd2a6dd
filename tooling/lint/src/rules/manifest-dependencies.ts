import { configurationPackages, scope } from "../arrows.js";
import type { ImportSide } from "../arrows.js";
import type { Violation } from "../violation.js";
import type { Workspace, WorkspacePackage } from "../workspace.js";
import { arrowProblem } from "./import-arrows.js";

const rule = "manifest-dependencies";

/** The workspace dependencies that each package.json declares, against the same arrows as the imports. */
export function checkManifestDependencies(workspace: Workspace): Violation[] {
  return workspace.packages.flatMap((owner) => {
    const { dependencies, peerDependencies, optionalDependencies, devDependencies } = owner.manifest;
    return [
      ...check(owner, { ...dependencies, ...peerDependencies, ...optionalDependencies }, "source"),
      ...check(owner, devDependencies ?? {}, "test"),
    ];
  });
}

function check(owner: WorkspacePackage, declared: Readonly<Record<string, string>>, side: ImportSide): Violation[] {
  return Object.keys(declared)
    .filter((name) => name.startsWith(scope) && !(side === "test" && configurationPackages.includes(name)))
    .flatMap((name) => {
      const message = arrowProblem(owner, name.slice(scope.length), side);
      if (message === undefined) return [];
      return [{ file: `${owner.folder}/package.json`, line: lineOf(owner.manifestText, `"${name}"`), rule, message }];
    });
}

function lineOf(text: string, part: string): number {
  return text.slice(0, Math.max(0, text.indexOf(part))).split("\n").length;
}
