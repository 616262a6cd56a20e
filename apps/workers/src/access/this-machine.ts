/** Whether a connection comes from the worker's own machine. */
import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** What proxies add: then the connection is the proxy's, and whoever asks may be anywhere. */
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const;
/** How a web page, or a program, may call this machine: another name may have been pointed at it by somebody else. */
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export interface ConnectionOrigin {
  /** Of the other end of the socket. */
  readonly address: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

export function isLoopbackAddress(address: string | undefined): boolean {
  const plain = address?.replace(/^::ffff:(?=\d+\.)/i, '') ?? '';
  const family = isIP(plain);
  return family !== 0 && loopback.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

/** Over loopback, by a local name, and through no proxy that says that it is one. */
export function isFromThisMachine({ address, headers }: ConnectionOrigin): boolean {
  return (
    isLoopbackAddress(address) &&
    LOCAL_HOST.test(headers.host ?? '') &&
    FORWARDED.every((header) => headers[header] === undefined)
  );
}
