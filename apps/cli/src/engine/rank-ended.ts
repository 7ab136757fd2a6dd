/** Thrown where a command would use its engine, on a rank that has followed the first one to its end. */
export class RankEnded extends Error {}
