import type { BaseInteraction } from 'discord.js'
import type { Sensitivity } from '../../store/sensitivity.ts'
import { isAgeRestricted } from '../interaction/permission.ts'

/** The sensitivity of pictures that are uploaded here. */
export const sensitivityOf = (interaction: BaseInteraction, isSpoiler: boolean): Sensitivity | undefined =>
  sensitive(isSpoiler, isAgeRestricted(interaction))

/** The sensitivity of what was made from all of them. */
export const together = (all: readonly (Sensitivity | undefined)[]): Sensitivity | undefined =>
  sensitive(
    all.some((one) => one?.isSpoiler),
    all.some((one) => one?.isAgeRestricted),
  )

const sensitive = (isSpoiler: boolean, isAgeRestricted: boolean): Sensitivity | undefined =>
  isSpoiler || isAgeRestricted
    ? { ...(isSpoiler && { isSpoiler }), ...(isAgeRestricted && { isAgeRestricted }) }
    : undefined

/** Whether the picture itself may be seen. @param forAdults The channel is age-restricted. */
export const isShown = (picture: Sensitivity = {}, forAdults: boolean): boolean => !picture.isAgeRestricted || forAdults

/** Whether it, or what was made from it, is covered as a spoiler. @param forAdults The channel is age-restricted. */
export const isCovered = (picture: Sensitivity = {}, forAdults: boolean): boolean =>
  picture.isSpoiler === true || !isShown(picture, forAdults)
