/** Where a number, a list, a name or plain words are expected. */
export const hostileTexts: readonly string[] = [
  ...['', ' ', '0', '-1', '1.5', '1e999', '-Infinity', 'NaN', '0x10', '-0x10', '9007199254740993', ' 1', '1 ', '1\n'],
  ...['[]', '[1]', '[1,2]', '[0,0]', '[null]', '[1e309,1]', '[-1]', '{}', '[[1]]'],
  ...['['.repeat(900), `[${'1,'.repeat(400)}1]`],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__metadata__', 'isto_format'],
  ...['emb_params', 'clip_l', 'clip_g'],
  ...['\0', 'a\nb', '\u202egnp.exe', '\u200b', '\ud800', '\x9b31m', '\x1b[31m', '@everyone', '<@1>', '`'],
  ...['”. All is well. “', '"', '/etc/passwd', '../../x', '[a](https://example.com)'],
  ...['Z̸̧̭̳͓͖̤̋̈́̈́̆͘a', '👩‍👩‍👧‍👦', 'x'.repeat(1000), 'x'.repeat(1001), '漢'.repeat(999), '𝒳'.repeat(60)],
]
