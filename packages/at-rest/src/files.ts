/** Files of any size, sealed and opened a chunk at a time. */
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { TrivetError } from '@trivet/shared-types';
import { writeAtomically } from './atomic.js';
import { HEADER_BYTES, Opener, parseHeader, Sealer } from './envelope.js';
import type { KeyRing } from './key-ring.js';
import { SealError } from './seal-error.js';

/** Told how many more bytes of the file that is read have been dealt with. */
export type OnBytes = (bytes: number) => void;

/** Seals a file into another one, which is whole or not there; its name is authenticated with it. */
export async function sealFile(ring: KeyRing, from: string, to: string, onBytes?: OnBytes): Promise<void> {
  await withFile(from, async (source, size) => {
    const sealer = await Sealer.create(ring, basename(to), size);
    await writeAtomically(to, async (write) => {
      await write(sealer.header);
      let at = 0;
      do {
        const bytes = Math.min(sealer.chunkBytes, size - at);
        const chunk = await readAt(source, at, bytes, from);
        at += bytes;
        await write(sealer.seal([chunk], at === size));
        onBytes?.(bytes);
      } while (at < size);
    });
  });
}

/**
 * Opens a sealed file into another one, which is whole or not there.
 * @throws SealError
 */
export async function unsealFile(ring: KeyRing, from: string, to: string, onBytes?: OnBytes): Promise<void> {
  await writeAtomically(to, (write) => eachChunk(ring, from, write, onBytes));
}

/** The content of a sealed file. @throws SealError */
export async function openFile(ring: KeyRing, file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await eachChunk(ring, file, async (chunk) => void chunks.push(chunk));
  return Buffer.concat(chunks);
}

/**
 * Seals a sealed file anew, in its place, with the ring's sealing key. Killed on the way, it leaves the old one.
 * @throws SealError
 */
export async function resealFile(ring: KeyRing, file: string, onBytes?: OnBytes): Promise<void> {
  const reseal = async (opener: Opener, chunks: AsyncIterable<Chunk>) => {
    const sealer = await Sealer.create(ring, basename(file), opener.length);
    await writeAtomically(file, async (write) => {
      await write(sealer.header);
      for await (const { content, isLast } of chunks) await write(sealer.seal([content], isLast));
    });
  };
  await withOpener(ring, file, reseal, onBytes);
}

/** Id of the key that a file says it is sealed with. @throws SealError NOT_ENCRYPTED, UNKNOWN_FORMAT, CUT_SHORT */
export async function readKeyId(file: string): Promise<string> {
  return withFile(file, async (source, size) => {
    return parseHeader(await readAt(source, 0, Math.min(HEADER_BYTES, size), file), file).keyId;
  });
}

interface Chunk {
  readonly content: Buffer;
  readonly isLast: boolean;
}

async function eachChunk(
  ring: KeyRing,
  file: string,
  take: (chunk: Buffer) => Promise<void>,
  onBytes?: OnBytes,
): Promise<void> {
  const each = async (_: Opener, chunks: AsyncIterable<Chunk>) => {
    for await (const { content } of chunks) await take(content);
  };
  await withOpener(ring, file, each, onBytes);
}

function withOpener<T>(
  ring: KeyRing,
  file: string,
  work: (opener: Opener, chunks: AsyncIterable<Chunk>) => Promise<T>,
  onBytes?: OnBytes,
): Promise<T> {
  return withFile(file, async (source, size) => {
    const start = await readAt(source, 0, Math.min(HEADER_BYTES, size), file);
    const opener = await Opener.create(ring, basename(file), start, size, file);
    async function* chunks(): AsyncGenerator<Chunk> {
      onBytes?.(HEADER_BYTES);
      for (let at = HEADER_BYTES; at < size; at += opener.sealedChunkBytes) {
        const bytes = Math.min(opener.sealedChunkBytes, size - at);
        const isLast = at + bytes === size;
        yield { content: opener.open(await readAt(source, at, bytes, file), isLast), isLast };
        onBytes?.(bytes);
      }
    }
    return work(opener, chunks());
  });
}

async function withFile<T>(file: string, work: (source: FileHandle, size: number) => Promise<T>): Promise<T> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.code ?? 'unknown error'})`;
    throw new TrivetError('INVALID_ARGUMENT', `${file} ${why}.`);
  });
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new TrivetError('INVALID_ARGUMENT', `${file} is not a file.`);
    return await work(handle, stat.size);
  } finally {
    await handle.close();
  }
}

async function readAt(source: FileHandle, at: number, bytes: number, file: string): Promise<Buffer> {
  const chunk = Buffer.allocUnsafe(bytes);
  for (let read = 0; read < bytes; ) {
    const { bytesRead } = await source.read(chunk, read, bytes - read, at + read);
    if (bytesRead === 0)
      throw new SealError('CUT_SHORT', `The file ${file} was cut short while it was read.`);
    read += bytesRead;
  }
  return chunk;
}
