/** What a measurement was to show. */
export interface Claim {
  claim: string;
  holds: boolean;
  /** What was measured. */
  found: string;
}

export const describeClaims = (claims: readonly Claim[]): string =>
  claims.map(({ claim, holds, found }) => `${holds ? 'yes' : 'NO '}  ${claim}\n     ${found}`).join('\n');

/** The exit code of a measurement: 0 if all it was to show holds. */
export const exitCodeOf = (claims: readonly Claim[]): number => (claims.every(({ holds }) => holds) ? 0 : 1);
