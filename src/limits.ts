/** Bytes of one picture, uploaded or read from a file: what Discord takes from everybody. */
export const LARGEST_PICTURE_BYTES = 10 * 2 ** 20

/** Jobs of one person that may wait or run, unless a server's settings say otherwise. */
export const JOBS_PER_PERSON = 5
