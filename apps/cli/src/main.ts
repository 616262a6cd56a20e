#!/usr/bin/env node
/** Entry point of `trivet`. */
import { readFileSync } from 'node:fs';
import { createProgram, runProgram } from './program.js';
import { endWithClosedPipe } from './terminal/closed-pipe.js';
import { printOnlyPrintable } from './terminal/printable.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
endWithClosedPipe();
printOnlyPrintable();
process.exitCode = await runProgram(createProgram(version), process.argv.slice(2));
