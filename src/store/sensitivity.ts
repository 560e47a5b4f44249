/** Which eyes a picture, or what was learned from it, is not for. It stays so wherever it is used. */
export interface Sensitivity {
  /** It came covered, as a spoiler. */
  readonly isSpoiler?: boolean
  /** It came from an age-restricted channel. */
  readonly isAgeRestricted?: boolean
}
