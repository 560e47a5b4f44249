/** A file name for posting a picture, such as `a2.jpg`, with the extension that fits its bytes. */
export const pictureName = (stem: string, bytes: Uint8Array): string => `${stem}.${endingOf(bytes)}`

function endingOf(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1')
  return endings.find(([pattern]) => pattern.test(head))?.[1] ?? 'png'
}

const endings: readonly (readonly [RegExp, string])[] = [
  [/^\xff\xd8\xff/, 'jpg'],
  [/^GIF8/, 'gif'],
  [/^RIFF.{4}WEBP/s, 'webp'],
  [/^.{4}ftypavi[fs]/s, 'avif'],
]
