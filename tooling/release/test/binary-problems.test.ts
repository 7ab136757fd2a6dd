import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { binaryProblems } from "../src/binary-problems.js";

const folder = mkdtempSync(join(tmpdir(), "elastic-attention-binaries-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file in which these names stand as they do in a binary, between zeros. */
function binary(...names: string[]): string {
  const file = join(folder, "addon.node");
  writeFileSync(file, Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe]), ...names.map((name) => Buffer.from(`\0${name}\0`))]));
  return file;
}

test("a binary may ask for glibc 2.28 or an older one, compared as numbers", () => {
  expect(binaryProblems(binary("GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.28"), "linux-x64-gnu")).toEqual([]);
  expect(binaryProblems(binary("GLIBC_2.9", "GLIBC_2.36", "GLIBC_2.4"), "linux-arm64-gnu")).toEqual([
    "asks for glibc 2.36, newer than 2.28: build-platform.mjs linux-arm64-gnu builds one for older machines",
  ]);
});

test("a binary for musl asks for no glibc, and one for glibc is not made for musl", () => {
  expect(binaryProblems(binary("libc.so"), "linux-x64-musl")).toEqual([]);
  expect(binaryProblems(binary("GLIBC_2.17"), "linux-arm64-musl")).toEqual(["asks for glibc, and is meant for musl"]);
  expect(binaryProblems(binary("libc.so"), "linux-x64-gnu")).toEqual(["asks for no glibc, and is meant for it"]);
});

test("a binary holds the C++ library that it was made with", () => {
  expect(binaryProblems(binary("GLIBC_2.17", "libstdc++.so.6", "libgcc_s.so.1"), "linux-x64-gnu")).toEqual([
    "asks for libstdc++.so.6, which is to be linked into it",
    "asks for libgcc_s.so.1, which is to be linked into it",
  ]);
});

test("other systems have no glibc to ask for", () => {
  expect(binaryProblems(binary(), "darwin-arm64")).toEqual([]);
});
