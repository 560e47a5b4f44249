import type { Origin } from '../engine/difference.ts'
import type { ApplyJob, JobOptions } from '../jobs/protocol.ts'

/** The strength of one difference of a job: its own, else the job's, else that of its file, else 1 (docs/running.md). */
export const strengthIn = (
  { strength }: Pick<ApplyJob['differences'][number], 'strength'>,
  options: JobOptions,
  origin?: Pick<Origin, 'strength'>,
): number => strength ?? options.strength ?? origin?.strength ?? FOREIGN.strength

/** How a textual inversion made elsewhere is applied, about which nothing is known: like most that are learned here. */
export const FOREIGN = { strength: 1, preserve: 1, isBlended: true }
