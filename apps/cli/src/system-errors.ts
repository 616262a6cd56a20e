/**
 * What the operating system says of a file, as a sentence. Where a failure is expected a command makes a better one of it; this is
 * for the rest, so that a full disk does not look like a fault of the program.
 */
import type { ErrorCode } from '@trivet/shared-types';

const REASONS: Readonly<Record<string, readonly [reason: string, code: ErrorCode]>> = {
  EACCES: ['permission denied', 'INVALID_ARGUMENT'],
  EDQUOT: ['your quota of the disk is used up', 'RESOURCE_EXHAUSTED'],
  EEXIST: ['it exists already', 'ALREADY_EXISTS'],
  EISDIR: ['it is a folder', 'INVALID_ARGUMENT'],
  ELOOP: ['its links go round in a circle', 'INVALID_ARGUMENT'],
  ENAMETOOLONG: ['the name is too long', 'INVALID_ARGUMENT'],
  ENOENT: ['no such file or folder', 'INVALID_ARGUMENT'],
  ENOSPC: ['no space is left on the disk', 'RESOURCE_EXHAUSTED'],
  ENOTDIR: ['a part of the path is no folder', 'INVALID_ARGUMENT'],
  EPERM: ['the system does not permit it', 'INVALID_ARGUMENT'],
  EROFS: ['the file system is read-only', 'INVALID_ARGUMENT'],
};

/** What a file is written to before it gets its name. */
const TEMPORARY = /(^|[/\\])\.([^/\\]+)\.[0-9a-f]{12}\.tmp(?=$|[/\\])/;

export interface SystemFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Null for what is no failure of the system at a file, or none that its user could do something about. */
export function systemFailure(error: unknown): SystemFailure | null {
  if (!(error instanceof Error)) return null;
  const { code = '', syscall, path } = error as NodeJS.ErrnoException;
  if (syscall === undefined || !Object.hasOwn(REASONS, code)) return null;
  const [reason, kind] = REASONS[code]!;
  const where = path === undefined ? 'A file' : path.replace(TEMPORARY, '$1$2');
  return { code: kind, message: `${where}: ${reason} (${code}).` };
}
