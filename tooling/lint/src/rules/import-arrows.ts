import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { allowedImports, fixturesPackage, isLibrary, scope } from "../arrows.js";
import type { ImportSide } from "../arrows.js";
import { importedModules } from "../imported-modules.js";
import type { ImportedModule } from "../imported-modules.js";
import type { Violation } from "../violation.js";
import type { Manifest, Workspace, WorkspacePackage } from "../workspace.js";

const rule = "import-arrows";
const moduleFile = /\.(?:[cm]?[jt]sx?)$/;

/**
 * Imports of a file against the arrow table, the other package's `exports`, and the own package.json. Apps and tooling
 * may import every library, but no other app.
 */
export function checkImportArrows(workspace: Workspace): Violation[] {
  const manifests = new Map(workspace.packages.map(({ manifest }) => [manifest.name, manifest]));
  return workspace.packages.flatMap((owner) =>
    owner.files
      .filter((file) => moduleFile.test(file))
      .flatMap((file) =>
        importedModules(readFileSync(join(workspace.root, file), "utf8")).flatMap((imported) => {
          const message = problem(owner, file, imported, manifests);
          return message === undefined ? [] : [{ file, line: imported.line, rule, message }];
        }),
      ),
  );
}

function problem(
  owner: WorkspacePackage,
  file: string,
  { specifier, isTypeOnly }: ImportedModule,
  manifests: ReadonlyMap<string, Manifest>,
): string | undefined {
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(file), specifier);
    if (target === owner.folder || target.startsWith(`${owner.folder}/`)) return undefined;
    return `"${specifier}" leaves ${owner.folder}: import the other package by its name instead.`;
  }
  if (!specifier.startsWith(scope)) return undefined;

  const [name = "", ...rest] = specifier.slice(scope.length).split("/");
  const packageName = scope + name;
  if (packageName === owner.manifest.name) return undefined;
  const manifest = manifests.get(packageName);
  if (manifest === undefined) return `"${packageName}" is no package of this workspace.`;

  const side: ImportSide = file.startsWith(`${owner.folder}/src/`) ? "source" : "test";
  return (
    arrowProblem(owner, name, side) ??
    subpathProblem(manifest, rest.join("/")) ??
    // A program may load a package where it is installed, and knows its types while it is built.
    declarationProblem(owner, packageName, isTypeOnly && owner.area === "apps" ? "test" : side)
  );
}

/** Why the package may not stand on the library `name`, or undefined where it may. */
export function arrowProblem(owner: WorkspacePackage, name: string, side: ImportSide): string | undefined {
  if (owner.area !== "packages") {
    if (isLibrary(name) || name === fixturesPackage || owner.folder === `tooling/${name}`) return undefined;
    // Build configuration is imported by the configuration files beside src.
    if (side === "test" && name.endsWith("-config")) return undefined;
    return `${owner.folder} may import the packages under packages/, not ${scope}${name}.`;
  }
  if (side === "test" && name.endsWith("-config")) return undefined;
  const ownName = owner.manifest.name.slice(scope.length);
  const allowed = allowedImports(ownName, side);
  if (allowed === undefined) {
    return `${ownName} has no line in the arrow table: add it to tooling/lint/src/arrows.ts.`;
  }
  if (allowed.includes(name)) return undefined;
  const list = allowed.length === 0 ? "no other package" : allowed.join(", ");
  return `the arrows forbid ${ownName} -> ${name}: ${side === "source" ? "its sources" : "its tests"} may import ${list}.`;
}

function subpathProblem(manifest: Manifest, subpath: string): string | undefined {
  const exported = typeof manifest.exports === "object" ? Object.keys(manifest.exports) : ["."];
  const key = subpath === "" ? "." : `./${subpath}`;
  if (exported.includes(key)) return undefined;
  return `${manifest.name} does not export "${key}": import what it exports (${exported.join(", ")}).`;
}

function declarationProblem(owner: WorkspacePackage, packageName: string, side: ImportSide): string | undefined {
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = owner.manifest;
  const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies };
  // The fixtures are private: a package whose sources take something of them has it bundled.
  const isEnough = side === "test" || isPage(owner.manifest) || packageName === scope + fixturesPackage;
  if (packageName in (isEnough ? { ...declared, ...devDependencies } : declared)) return undefined;
  const place = isEnough ? "dependencies or devDependencies" : "dependencies";
  return `${packageName} is missing from the ${place} of ${owner.folder}/package.json ("workspace:*").`;
}

/** A package that exports pages alone has all that it imports in them: nobody who installs it needs the modules. */
export function isPage({ exports }: Manifest): boolean {
  return typeof exports === "object" && Object.values(exports).every((target) => typeof target === "string" && target.endsWith(".html"));
}
