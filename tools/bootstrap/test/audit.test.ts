import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript, as everything that may run before the build
import { audit, checkLock, lockedVersions } from '../audit.mjs';

const LOCK = readFileSync(new URL('../../../pnpm-lock.yaml', import.meta.url), 'utf8');
const PROGRAM = new URL('../audit.mjs', import.meta.url).pathname;
const { packages: PACKAGES } = checkLock(LOCK);

describe('the lock file', () => {
  it('has a hash for everything, and nothing that is not from the registry', () => {
    const { packages, problems } = checkLock(LOCK);
    expect(problems).toEqual([]);
    expect(packages).toBeGreaterThan(200);
  });

  it('is refused with a package from elsewhere, without a hash, and when it is none', () => {
    const [first] = /resolution: \{integrity: .*\}/.exec(LOCK)!;
    const changed = (resolution: string) =>
      checkLock(LOCK.replace(first, `resolution: {${resolution}}`)).problems;
    expect(changed('tarball: https://example.org/x.tgz')).toEqual([expect.stringMatching(/registry/)]);
    expect(changed('integrity: sha1-abc')).toEqual([expect.stringMatching(/hash/)]);
    expect(checkLock('')).toMatchObject({ packages: 0, problems: [expect.stringMatching(/no packages/)] });
  });

  it('tells what runs from tools', () => {
    const locked = lockedVersions(LOCK) as Map<string, Map<string, boolean>>;
    const count = [...locked.values()].reduce((total, versions) => total + versions.size, 0);
    expect(count).toBe(PACKAGES);
    const runs = (name: string) => [...(locked.get(name)?.values() ?? [])];
    // What the workers talk with, one that only that needs, and what tests.
    expect([runs('socket.io'), runs('engine.io'), runs('react-dom')]).toEqual([[true], [true], [true]]);
    expect([runs('vitest'), runs('@biomejs/biome'), runs('dependency-cruiser')]).toEqual([
      [false],
      [false],
      [false],
    ]);
  });
});

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
  server = undefined;
});

/** A registry that answers whoever asks for advisories. @returns its address */
async function registry(answer: Answer): Promise<string> {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => answer(request, response, body));
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function auditWith(answer: Answer, timeoutMs = 30_000) {
  const lines: string[] = [];
  const code = await audit({
    registry: await registry(answer),
    lock: LOCK,
    timeoutMs,
    print: (line: string) => lines.push(line),
  });
  return { code, text: lines.join('\n') };
}

const json =
  (value: unknown): Answer =>
  (_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  };
const advisory = (severity: string, vulnerable_versions = '>=4.0.0 <999.0.0') => ({
  id: 1,
  url: 'https://github.com/advisories/GHSA-xxxx',
  title: 'Reads what it should not',
  severity,
  vulnerable_versions,
  cwe: [],
});

/** The step as it runs in `npm test`. */
function program(address: string): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [PROGRAM], { env: { ...process.env, npm_config_registry: address } });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, text }));
  });
}

describe('the step', () => {
  it('fails when the registry knows a serious weakness of a locked version, and says all about it', async () => {
    const asked: unknown[] = [];
    const address = await registry((request, response, body) => {
      asked.push(request.method, request.url, JSON.parse(body)['socket.io']);
      json({ 'socket.io': [advisory('high')] })(request, response, body);
    });
    const { code, text } = await program(`${address}/`);
    const [version] = [...(lockedVersions(LOCK).get('socket.io') as Map<string, boolean>).keys()];
    expect(asked).toEqual(['POST', '/-/npm/v1/security/advisories/bulk', [version]]);
    expect(text).toContain(
      `socket.io ${version}: high: Reads what it should not (>=4.0.0 <999.0.0) https://github.com/advisories/GHSA-xxxx`,
    );
    expect(text).toContain('of what runs: 1.');
    expect(code).toBe(1);
  });

  it('passes when there is none, and says how many packages it asked about', async () => {
    const { code, text } = await program(await registry(json({})));
    expect(text).toContain(
      `asked about ${PACKAGES} packages. Serious weaknesses of what runs: 0. Others: 0.`,
    );
    expect(code).toBe(0);
  });

  it('names what is not serious, is a tool, or does not meet a locked version, and only that does not fail', async () => {
    const { code, text } = await auditWith(
      json({
        'socket.io': [advisory('moderate'), advisory('critical', '<1.0.0')],
        vitest: [advisory('critical')],
        unknown: [advisory('critical')],
      }),
    );
    expect(text).toMatch(/of what runs: 0\. Others: 2/);
    expect(text).toMatch(/socket\.io .*: moderate/);
    expect(text).toMatch(/vitest .* \(a tool\): critical/);
    expect(text).not.toMatch(/unknown|<1\.0\.0/);
    expect(code).toBe(0);
  });

  const refusing =
    (status: number): Answer =>
    (_request, response) =>
      response.writeHead(status).end('{}');
  const silent: Answer = () => {};
  const cut: Answer = (_request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{');
    response.destroy();
  };
  const garbage: Answer = (_request, response) => response.end('<html>');
  it.each([
    ['405', refusing(405), /405 Method Not Allowed/],
    ['410', refusing(410), /410 Gone/],
    ['500', refusing(500), /500 Internal Server Error/],
    ['nothing', silent, /did not answer in 0\.5 s/],
    ['half of it', cut, /could not be asked for: \S+/],
    ['no JSON', garbage, /nothing that can be read/],
    ['a list', json([]), /nothing that can be read/],
    ['another report', json({ advisories: { 1: advisory('high') } }), /nothing that can be read/],
    ['half an advisory', json({ 'socket.io': [{ severity: 'high' }] }), /nothing that can be read/],
  ] as const)('says so when the registry answers %s, and does not fail', async (_, answer, why) => {
    const { code, text } = await auditWith(answer, answer === silent ? 500 : 30_000);
    expect(text).toMatch(why);
    expect(text).toMatch(/could not be asked for: .*Nothing is known about weaknesses/);
    expect(code).toBe(0);
  });

  it('says so when there is no registry', async () => {
    const address = await registry(silent);
    await new Promise((resolve) => server!.close(resolve));
    const lines: string[] = [];
    expect(await audit({ registry: address, lock: LOCK, print: (line: string) => lines.push(line) })).toBe(0);
    expect(lines.join()).toMatch(/could not be asked for: ECONNREFUSED/);
  });
});
