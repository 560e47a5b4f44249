import type { DifferenceFacts, ImagePair } from '../../jobs/protocol.ts'
import type { DifferencePictures } from '../../store/differences.ts'
import type { ResultRecord } from '../../store/results.ts'
import type { Sensitivity } from '../../store/sensitivity.ts'
import type { ReplyTarget } from './reply-target.ts'

/** What to do with a job's result. Plain data, stored with the job. */
export interface FollowUp {
  readonly target: ReplyTarget
  readonly action: ResultAction
  /** It was started in an age-restricted channel. */
  readonly isForAdults?: boolean
  /** What was pressed and by whom, until the same may be done again. */
  readonly press?: string
  /** The address of the message whose button was pressed. */
  readonly source?: string
}

export type ResultAction =
  /** Show B′ together with what it was made from. */
  | {
      readonly type: 'show'
      /** The pair to show beside B and B′, and the kept pairs to learn from again. */
      readonly pairs: readonly ImagePair[]
      /** Names of the saved differences that are applied. */
      readonly names: readonly string[]
      /** What the first of them is called in commands, if that is not its name. */
      readonly reference?: string
      readonly fileNames?: FileNames
      readonly sensitivity?: ResultRecord['sensitivity']
      /** What is known about the first difference, if it was learned before. */
      readonly learned?: { readonly facts: DifferenceFacts; readonly pictures: DifferencePictures }
      /** Who brought A and A′; empty if that is not known. @default whoever asks */
      readonly broughtBy?: string
    }
  /** Save the difference under a name. */
  | {
      readonly type: 'save'
      readonly name: string
      readonly how: 'learned' | 'imported'
      readonly replace: boolean
      readonly sensitivity?: Sensitivity
      /** Where it is saved. @default where it was asked for */
      readonly library?: string
      /** Its pictures are somebody else's, and stay where they are. @default false */
      readonly isPictureless?: boolean
    }

/** File names for posting the pictures again, such as `a2.jpg`. */
interface FileNames {
  readonly a?: string
  readonly a2?: string
  readonly b?: string
}
