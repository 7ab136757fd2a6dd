import { configurationPackages, scope } from "../arrows.js";
import type { ImportSide } from "../arrows.js";
import type { Violation } from "../violation.js";
import type { Workspace, WorkspacePackage } from "../workspace.js";
import { arrowProblem, isPage } from "./import-arrows.js";

const rule = "manifest-dependencies";

/** The workspace dependencies that each package.json declares, against the same arrows as the imports. */
export function checkManifestDependencies(workspace: Workspace): Violation[] {
  // A page is a folder of files that an app may serve: there is nothing in it to import.
  const pages = workspace.packages.filter(({ manifest }) => isPage(manifest)).map(({ manifest }) => manifest.name);
  return workspace.packages.flatMap((owner) => {
    const { dependencies, peerDependencies, optionalDependencies, devDependencies } = owner.manifest;
    return [
      ...check(owner, { ...dependencies, ...peerDependencies, ...optionalDependencies }, "source"),
      ...check(owner, without(devDependencies ?? {}, owner.area === "apps" ? pages : []), "test"),
    ];
  });
}

function without(declared: Readonly<Record<string, string>>, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(declared).filter(([name]) => !names.includes(name)));
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
