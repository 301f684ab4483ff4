/** What a caller may do: `reader` looks, `operator` runs jobs, `admin` also changes accounts. */
export type Role = 'admin' | 'operator' | 'reader'

/** From the one that may most to the one that may least. */
export const ROLES = ['admin', 'operator', 'reader'] as const satisfies readonly Role[]

/** True when a holder of `role` may do what `needed` may do. */
export function includesRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) <= ROLES.indexOf(needed)
}

/** The one of the two that may less: what a token may do when its owner was made less than it. */
export function lesserRole(a: Role, b: Role): Role {
  return includesRole(a, b) ? b : a
}
