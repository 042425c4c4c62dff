// Uses every dependency once: serves a page, asks for it, prints what came.
import chalk from 'chalk'
import express from 'express'
import lodash from 'lodash'
import ts from 'typescript'

const app = express()
app.get('/', (request, response) => response.send(lodash.startCase('installed by wasi-pm')))

const server = app.listen(0, '127.0.0.1', async () => {
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`)
  console.log(chalk.green(await answer.text()), `(TypeScript ${ts.version})`)
  server.close()
})
