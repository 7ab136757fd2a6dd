/**
 * Similarity of two tasks' features (equations 15 and 16): the cosine of their means after every feature was divided by
 * its root mean square over both sets, so that no feature decides by its size.
 *
 * @param features for each task a list of vectors of one length
 * @returns [task][task]; NaN for a task without vectors
 */
export function taskSimilarity(features: readonly (readonly Float64Array[])[], epsilon = 1e-6): number[][] {
  return features.map((a) => features.map((b) => similarity(a, b, epsilon)));
}

function similarity(a: readonly Float64Array[], b: readonly Float64Array[], epsilon: number): number {
  if (a.length === 0 || b.length === 0) return NaN;
  const width = a[0]!.length;
  const scale = Array.from({ length: width }, (_, i) => {
    const squares = [...a, ...b].reduce((sum, vector) => sum + vector[i]! * vector[i]!, 0);
    return Math.sqrt(squares / (a.length + b.length) + epsilon);
  });
  const mean = (set: readonly Float64Array[]) => scale.map((s, i) => set.reduce((sum, vector) => sum + vector[i]!, 0) / set.length / s);
  const [u, v] = [mean(a), mean(b)];
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(u, v) / Math.sqrt(dot(u, u) * dot(v, v));
}
