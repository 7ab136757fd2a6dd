import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { oldestNode, runtimeProblem } from "../../src/program/supported-runtime.js";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

test("an older Node.js is told in one line which one is needed and which one it is", () => {
  for (const version of ["12.22.12", "16.20.2", "18.20.8", "20.18.3"]) {
    expect(runtimeProblem({ node: version }, "/usr/bin/node")).toBe(`error: Node.js 20.19 or newer is needed; /usr/bin/node is ${version}.`);
  }
  for (const version of ["20.19.0", "20.20.2", "22.0.0", "24.1.0", "100.0.0"]) expect(runtimeProblem({ node: version }, "node")).toBeUndefined();
});

test("Bun and Deno are told in one line that they are not supported, whatever Node.js they stand for", () => {
  expect(runtimeProblem({ node: "24.3.0", bun: "1.4.5" }, "bun")).toBe("error: Bun is not supported: start the command line with Node.js 20.19 or newer.");
  expect(runtimeProblem({ node: "18.0.0", deno: "2.9.6" }, "deno")).toMatch(/^error: Deno is not supported/);
});

test("the oldest Node.js is the one of package.json", () => {
  const { engines } = JSON.parse(read("../../package.json")) as { engines: { node: string } };
  expect(engines.node).toBe(`>=${oldestNode}`);
});

// What a static import reaches is read before the version is looked at.
test("the program imports nothing statically but that check", () => {
  const imports = Array.from(read("../../src/main.ts").matchAll(/^import .* from "(.*)";$/gm), ([, name]) => name);
  expect(imports).toEqual(["./program/supported-runtime.js"]);
  expect(read("../../src/program/supported-runtime.ts")).not.toMatch(/^import |\?\?|\?\.|await /m);
});
