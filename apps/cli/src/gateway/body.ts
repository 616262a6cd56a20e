/** Request bodies within a limit; gzip is taken apart as TensorFlow Serving does, and counted as it comes out. */
import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import { HttpError } from './http-status.js';

/**
 * The body as text. What comes after a refusal is read and dropped, so that the client, which is still sending, gets
 * to see the answer.
 * @param limit in bytes, after decompression
 * @throws HttpError 413 past the limit, 415 for an encoding other than gzip, 400 when it is cut off or no UTF-8
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw new HttpError(415, 'The body may be compressed with gzip only.');
  }
  const bytes = await collect(request, encoding === 'gzip', limit);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unreadable();
  }
}

function collect(request: IncomingMessage, compressed: boolean, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const source = compressed ? request.pipe(createGunzip()) : request;
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = (error: HttpError) => {
      source.off('data', onData);
      if (source !== request) {
        request.unpipe();
        source.destroy();
      }
      request.resume();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) refuse(tooLarge(limit));
      else chunks.push(chunk);
    };
    source.on('data', onData);
    source.once('end', () => resolve(Buffer.concat(chunks)));
    source.once('error', () => refuse(unreadable()));
    request.once('aborted', () => refuse(unreadable()));
  });
}

function tooLarge(limit: number): HttpError {
  return new HttpError(
    413,
    `The body is larger than ${limit} bytes: send fewer samples at once, or start the gateway with a larger --max-body.`,
  );
}

function unreadable(): HttpError {
  return new HttpError(
    400,
    'The body could not be read: it is cut off, no UTF-8, or not what its headers say.',
  );
}
