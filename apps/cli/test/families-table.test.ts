import { readFileSync } from "node:fs";
import { registeredModelAdapters } from "@elastic-attention/transformer";
import { expect, test } from "vitest";
import registerPackages from "../src/program/register-packages.js";

test("the README's table of models has every architecture that is registered, and no other", () => {
  registerPackages();
  const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  const rows = readme.split("\n").filter((line) => /^\| .*`\w+For\w+`/.test(line));
  const listed = rows.flatMap((row) => row.split("|")[2]!.match(/\w+For\w+/g) ?? []);
  const registered = registeredModelAdapters().flatMap(({ architectures }) => architectures);
  expect(listed.toSorted()).toEqual(registered.toSorted());
  for (const row of rows) expect(row.split("|")[3]!.trim()).toMatch(/^((golden|real|published)(, |$))+$|^unverified$/);
});
