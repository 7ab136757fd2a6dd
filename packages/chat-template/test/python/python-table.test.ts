import { describe, expect, it } from "vitest";
import { Template, TemplateError } from "../../src/index.js";
import { readTable } from "../read-table.js";

/** A template and what CPython 3.11 makes of it, null where it raises: written by make_table.py. */
type Row = readonly [template: string, expected: string | null];

function rendered(template: string): string | null {
  try {
    return new Template(template).render();
  } catch (error) {
    if (TemplateError.isInstance(error)) return null;
    throw error;
  }
}

describe("Python's own types and libraries", () => {
  it("texts, numbers, formats, slices, JSON, pprint and textwrap come out as CPython writes them", () => {
    const rows = readTable<readonly Row[]>("python/table.json.gz");
    const wrong = rows.map(([template, expected]) => ({ template, expected, got: rendered(template) })).filter(({ expected, got }) => got !== expected);
    expect(rows.length).toBe(3000);
    expect(wrong).toEqual([]);
  });
});
