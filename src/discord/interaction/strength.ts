/** The strongest that a difference can be asked to be, either way. */
export const strengthLimit = 3
