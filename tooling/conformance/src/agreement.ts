import { MemoryScope } from "@elastic-attention/core";
import { type Backend, ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { expect } from "vitest";
import type { BackendUnderTest } from "./backend-under-test.js";
import { relativeError } from "./random-tensors.js";

/** Work on one backend: makes its operands in the scope and returns what is compared. */
export type Work = (backend: Backend, scope: MemoryScope) => Tensor | readonly Tensor[];

/**
 * Runs the same work on both backends and compares what it returns; nothing may be left in memory. The reference backend does
 * it once for all backends under test: of tests that differ in the subject's name alone, calls in the same place are the same
 * work.
 */
export function expectAgreement(subject: BackendUnderTest, tolerance: number, work: Work): void {
  const expected = expectedResults(subject, work);
  const actual = runWork(subject.create(), work);
  for (const [index, values] of expected.entries()) {
    expect(relativeError(actual[index]!, values), `result ${index}`).toBeLessThanOrEqual(tolerance);
  }
}

const references = new Map<string, readonly Float32Array[]>();
/** Calls of the running test so far. */
const running = { test: "", calls: 0 };

function expectedResults(subject: BackendUnderTest, work: Work): readonly Float32Array[] {
  const test = expect.getState().currentTestName;
  if (test === undefined) return runWork(new ReferenceBackend(), work);
  if (test !== running.test) Object.assign(running, { test, calls: 0 });
  const key = `${test.replaceAll(subject.name, "")} ${running.calls++}`;
  const expected = references.get(key) ?? runWork(new ReferenceBackend(), work);
  references.set(key, expected);
  return expected;
}

/** Compares bits; quicker than a matcher on long arrays. */
export function sameBits(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const [left, right] = [a, b].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
  return left!.equals(right!);
}

/** The results of some work, in float32. */
export function runWork(backend: Backend, work: Work): readonly Float32Array[] {
  using scope = new MemoryScope();
  const results = [work(backend, scope)].flat();
  const values = results.map((tensor) => scope.track(tensor).toFloat32());
  scope.dispose();
  expect(backend.memory().liveAllocations).toBe(0);
  return values;
}
