/** An inner loop that does vector arithmetic. */
export interface VectorLoop {
  readonly function: string;
  readonly instructions: number;
  readonly arithmetic: number;
  /** Instructions that read or write a whole vector on the stack. */
  readonly stackAccesses: number;
}
export function vectorLoops(disassembly: string): VectorLoop[];
export function disassemble(file: string): string | undefined;
