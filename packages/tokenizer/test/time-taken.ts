/**
 * Milliseconds that some work took: by the clock or by the processor, whichever is less. Where other processes share the
 * machine the clock counts their work too, where other tests share the process the processor does.
 */
export function timeTaken(work: () => void): number {
  const [start, before] = [performance.now(), process.cpuUsage()];
  work();
  const { user, system } = process.cpuUsage(before);
  return Math.min(performance.now() - start, (user + system) / 1000);
}
