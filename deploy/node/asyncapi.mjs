// Is this an AsyncAPI document? Judged by AsyncAPI's own parser, which does not look into examples (a test does): asyncapi.mjs file …
import { readFileSync } from 'node:fs'
import asyncapi from '@asyncapi/parser'

let wrong = 0
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await new asyncapi.Parser().parse(readFileSync(file, 'utf8'), { source: file })
  const told = diagnostics.filter(({ severity }) => severity < 2) // errors and warnings; hints ask for a licence and a contact
  for (const { message, path, severity } of told) console.error(`${file}: ${severity === 0 ? 'error' : 'warning'}: /${path.join('/')}: ${message}`)
  if (!document || told.length > 0) wrong += 1
  else console.log(`${file}: AsyncAPI ${document.version()}, ${document.allChannels().length} channels, ${document.allMessages().length} messages`)
}
process.exit(wrong ? 1 : 0)
