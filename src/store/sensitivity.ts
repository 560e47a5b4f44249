/** Who should not see a picture, or what was learned from it. This stays the same wherever it is used. */
export interface Sensitivity {
  /** It was covered as a spoiler. */
  readonly isSpoiler?: boolean
  /** It came from an age-restricted channel. */
  readonly isAgeRestricted?: boolean
}
