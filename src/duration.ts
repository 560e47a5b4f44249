import { type Sentence, sentence } from './sentence.ts'

/** "about 20 seconds", "about a minute", "about 3 hours": as exact as an estimate is. */
export function duration(seconds: number): Sentence {
  if (seconds < 55) {
    return sentence('about {seconds} seconds', { seconds: Math.max(1, Math.ceil(seconds / 5)) * 5 })
  }
  const minutes = Math.round(seconds / 60)
  return minutes < 90
    ? sentence('about {minutes, plural, =1 {a minute} other {# minutes}}', { minutes })
    : sentence('about {hours, plural, =1 {an hour} other {# hours}}', { hours: Math.round(minutes / 60) })
}
