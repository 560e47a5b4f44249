import { inWords, type Sentence, sentence, type Values } from '../../sentence.ts'
import german from './de.json' with { type: 'json' }
import spanish from './es.json' with { type: 'json' }
import french from './fr.json' with { type: 'json' }
import japanese from './ja.json' with { type: 'json' }
import portuguese from './pt-BR.json' with { type: 'json' }

/** A sentence in a certain language: `say('{name} is deleted.', { name })`, or one that was made before. */
export type Say = (said: string | Sentence, values?: Values) => string

/** A language's templates by the English ones. */
type Templates = Readonly<Record<string, string>>

/** By Discord's names for them; everybody else is told in English. */
export const languages: Readonly<Record<string, Templates>> = {
  de: german,
  'es-ES': spanish,
  'es-419': spanish,
  fr: french,
  ja: japanese,
  'pt-BR': portuguese,
}

/** In the language of `locale`, one of Discord's. What has no translation there is said in English. @default English */
export function sayIn(locale?: string | null): Say {
  const templates = languages[locale ?? '']
  return (said, values) =>
    inWords(
      typeof said === 'string' ? sentence(said, values) : said,
      templates ? locale! : 'en',
      (template) => templates?.[template] ?? template,
    )
}
