/** What a model owner does on this page, through the compute worker. One thing at a time. */
import type { Reveal } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import { useMemo } from 'react';
import { useEngine } from '../../app/engine-context.js';
import type { Engine } from '../../compute/engine.js';
import type { ModelFile, OwnerCommand, ShareWish } from '../../compute/model/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import type { OwnerPlace } from '../../stores/owner-slice.js';

export interface OwnerActions {
  inspect(
    files: readonly ModelFile[],
    inputRange: { readonly min: number; readonly max: number },
    reveal: Reveal,
  ): void;
  signIn(keyFile: File): void;
  signOut(): void;
  share(wish: ShareWish): void;
  cancel(): void;
  command(command: OwnerCommand): void;
}

/** An owner key is 64 characters; anything much longer is another file, and stays unread. */
const LARGEST_KEY_BYTES = 1024;

const WORDS: Record<OwnerCommand['do'], string> = {
  serve: 'Starting to serve',
  switch: 'Switching the version',
  rollback: 'Rolling back',
  stop: 'Stopping',
  remove: 'Removing the version',
};

let uploading = new AbortController();

async function busy(ownerPlace: OwnerPlace, words: string, work: () => Promise<void>): Promise<void> {
  const { changeOwner } = useAppStore.getState();
  changeOwner({ ownerPlace, ownerBusy: words, ownerFailure: null });
  try {
    await work();
  } catch (error) {
    const coded =
      error instanceof TrivetError ? error : new TrivetError('INTERNAL', (error as Error).message);
    if (coded.code !== 'CANCELLED') changeOwner({ ownerFailure: coded.toBody() });
  } finally {
    changeOwner({ ownerBusy: null, uploaded: null });
  }
}

function actionsOf(engine: Engine): OwnerActions {
  const { changeOwner } = useAppStore.getState();
  return {
    inspect: (files, inputRange, reveal) =>
      void busy('read', 'Reading the model', async () => {
        // The same files are read again: until they are, the page stays as it is.
        if (useAppStore.getState().modelFiles !== files) changeOwner({ modelFiles: files, inspection: null });
        try {
          changeOwner({ inspection: await engine.inspectModel({ files, inputRange, reveal }) });
        } catch (error) {
          changeOwner({ inspection: null });
          throw error;
        }
      }),
    signIn: (keyFile) =>
      void busy('share', 'Asking the workers', async () => {
        if (keyFile.size > LARGEST_KEY_BYTES) {
          throw new TrivetError('INVALID_ARGUMENT', 'This is no owner key: such a file has 64 characters.');
        }
        changeOwner({ owned: await engine.openOwner(await keyFile.text()) });
      }),
    signOut: () => {
      changeOwner({ owned: null, ownerFailure: null });
      void engine.closeOwner().catch(() => undefined);
    },
    share: (wish) =>
      void busy('share', 'Sharing', async () => {
        uploading = new AbortController();
        const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }) =>
          changeOwner({ uploaded: doneBytes / totalBytes });
        const shared = await engine.shareModel(wish, onProgress, uploading.signal);
        const others = (useAppStore.getState().owned ?? []).filter(
          ({ name, version }) => name !== shared.name || version !== shared.version,
        );
        changeOwner({ owned: [...others, shared] });
      }),
    cancel: () => uploading.abort(),
    command: (command) =>
      void busy('serve', WORDS[command.do], async () => {
        changeOwner({ owned: await engine.commandOwner(command) });
      }),
  };
}

/** Null in the first moment of the page. */
export function useOwner(): OwnerActions | null {
  const engine = useEngine();
  return useMemo(() => (engine === null ? null : actionsOf(engine)), [engine]);
}

/** Why nothing can be begun just now, in a sentence; null when something can. */
export function whyNotNow(owner: OwnerActions | null, busyWith: string | null): string | null {
  if (owner === null) return 'This page is still starting.';
  return busyWith === null ? null : `${busyWith}: wait until that is done.`;
}
