import { avifWithoutMetadata } from './avif.ts'
import { gifWithoutMetadata } from './gif.ts'
import { jpegWithoutMetadata } from './jpeg.ts'
import { pngWithoutMetadata } from './png.ts'
import { webpWithoutMetadata } from './webp.ts'

/**
 * The same picture without its metadata: camera, location, time, author, comments, previews, and anything after the
 * picture. Pixels, colour profile and orientation stay the same; nothing is decoded.
 *
 * @param bytes A JPEG, PNG, WebP, GIF or AVIF; anything else is returned unchanged.
 */
export function withoutMetadata(bytes: Uint8Array): Uint8Array {
  const start = Buffer.from(bytes.subarray(0, 64)).toString('latin1')
  return formats.find(([signature]) => signature.test(start))?.[1](bytes) ?? bytes
}

const formats: readonly (readonly [signature: RegExp, clean: (bytes: Uint8Array) => Uint8Array])[] = [
  [/^\xff\xd8\xff/, jpegWithoutMetadata],
  [/^\x89PNG\r\n/, pngWithoutMetadata],
  [/^RIFF.{4}WEBP/s, webpWithoutMetadata],
  [/^GIF8[79]a/, gifWithoutMetadata],
  [/^.{4}ftyp(.{4}){0,8}avi[fs]/s, avifWithoutMetadata],
]
