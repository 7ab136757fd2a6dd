import { basename } from "node:path";
import type { Violation } from "../violation.js";
import type { Workspace } from "../workspace.js";

const forbiddenNames = new Set(["util", "utils", "helper", "helpers", "misc", "common"]);
const kebabCase = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const typeScript = /\.(?:[cm]?ts|mjs)$/;

/** No file or folder is a drawer for leftovers, and TypeScript files are named in kebab-case. */
export function checkFileNames(workspace: Workspace): Violation[] {
  return workspace.files.flatMap((file) => {
    const drawer = file.split("/").find((part) => forbiddenNames.has(part.split(".")[0]?.toLowerCase() ?? ""));
    if (drawer !== undefined) {
      return [violation(file, `"${drawer}" says nothing about its subject: name it after the one thing it holds.`)];
    }
    const stem = basename(file).split(".")[0] ?? "";
    if (typeScript.test(file) && stem !== "" && !kebabCase.test(stem)) {
      return [violation(file, `"${basename(file)}" is not in kebab-case.`)];
    }
    return [];
  });
}

function violation(file: string, message: string): Violation {
  return { file, line: 1, rule: "file-names", message };
}
