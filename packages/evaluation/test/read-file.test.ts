import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DatasetError } from "@elastic-attention/core";
import { readDataRows } from "../src/datasets/read-file.js";

const folder = mkdtempSync(join(tmpdir(), "rows-"));

function rowsOf(name: string, content: string): readonly unknown[] {
  const path = join(folder, name);
  writeFileSync(path, content);
  return readDataRows(path);
}

test("rows come as JSON lines, arrays, data objects, numbered objects or one object", () => {
  const rows = [{ a: 1 }, { a: 2 }];
  const lines = '{"a":1}\n\n{"a":2}\n';
  expect(rowsOf("rows.jsonl", lines)).toEqual(rows);
  expect(rowsOf("lines.json", lines)).toEqual(rows);
  expect(rowsOf("marked.jsonl", `\ufeff${lines.replaceAll("\n", "\r\n")}`)).toEqual(rows);
  expect(rowsOf("array.json", JSON.stringify(rows, undefined, 2))).toEqual(rows);
  expect(rowsOf("data.json", JSON.stringify({ data: rows }))).toEqual(rows);
  expect(rowsOf("numbered.json", JSON.stringify({ "0": rows[0], "1": rows[1] }))).toEqual(rows);
  expect(rowsOf("one.json", JSON.stringify(rows[0]))).toEqual([rows[0]]);
  expect(rowsOf("one.jsonl", '{"a":1}')).toEqual([rows[0]]);
});

test("what is cut short or is nothing is named, with its line", () => {
  expect(() => rowsOf("cut.jsonl", '{"a":1}\n{"a":2')).toThrow(/cut\.jsonl, line 2 is not JSON/);
  expect(() => rowsOf("cut-lines.json", '{"a":1}\n{"a":2')).toThrow(/cut-lines\.json, line 2 is not JSON/);
  expect(() => rowsOf("cut.json", '[{"a":1},\n{"a":2')).toThrow(/cut\.json is not JSON[\s\S]*download it again/);
  expect(() => rowsOf("empty.jsonl", "\n\n")).toThrow("is empty");
  expect(() => rowsOf("number.json", "3")).toThrow("holds no rows");
  expect(() => readDataRows(join(folder, "absent.jsonl"))).toThrow(DatasetError);
  expect(() => readDataRows(folder)).toThrow("Cannot read");
});
