// @vitest-environment happy-dom

import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FilePicker } from './file-picker.js';

const onFiles = vi.fn();
const named = (...names: readonly string[]) => names.map((name) => new File(['x'], name));
/** As a drop or the clipboard holds it. */
const transfer = (files: readonly File[]) => ({
  files,
  items: [],
  types: files.length === 0 ? ['text/plain'] : ['Files'],
});

function show(more: { single?: boolean; notNow?: string; pasted?: boolean } = {}) {
  render(
    <FilePicker
      titleId="title"
      files={{ button: 'Open files', label: 'The files' }}
      folder={more.single ? null : { button: 'Open a folder', label: 'The folder' }}
      pasted={more.pasted ?? false}
      notNow={more.notNow ?? null}
      onFiles={onFiles}
      report={<p>the report</p>}
    >
      <h2 id="title">Pictures</h2>
    </FilePicker>,
  );
  return screen.getByRole('region', { name: 'Pictures' });
}
const drop = (region: HTMLElement, ...names: readonly string[]) =>
  fireEvent.drop(region, { dataTransfer: transfer(named(...names)) });
const taken = () => onFiles.mock.calls.map(([files]) => files.map(({ path }: { path: string }) => path));

beforeEach(() => onFiles.mockReset());
afterEach(cleanup);

describe('FilePicker', () => {
  it('takes what is dropped, chosen or pasted', async () => {
    const region = show({ pasted: true });
    fireEvent.dragOver(region, { dataTransfer: transfer(named('a.png')) });
    expect(region.dataset.dropping).toBe('true');
    drop(region, 'a.png', 'b.png');
    await waitFor(() => expect(taken()).toEqual([['a.png', 'b.png']]));
    expect(region.dataset.dropping).toBe('false');
    fireEvent.change(screen.getByLabelText('The files'), { target: { files: named('c.png') } });
    fireEvent.paste(document, { clipboardData: transfer(named('d.png')) });
    fireEvent.paste(document, { clipboardData: transfer([]) });
    expect(taken().slice(1)).toEqual([['c.png'], ['d.png']]);
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('says why it takes nothing, and forgets it with the next file', async () => {
    const region = show({ single: true });
    drop(region);
    expect((await screen.findByRole('alert')).textContent).toContain('What was dropped here is not a file.');
    expect(screen.queryByText('the report')).toBeNull();
    drop(region, 'a.key', 'b.key');
    await waitFor(() =>
      expect(screen.getByRole('alert').textContent).toContain('These are 2 files: one is needed.'),
    );
    drop(region, 'a.key');
    await waitFor(() => expect(screen.queryByRole('alert')).toBeNull());
    expect(taken()).toEqual([['a.key']]);
    expect(screen.getByText('the report')).toBeDefined();
  });

  it('takes nothing while something else is under way, and says so to who drops it', async () => {
    const region = show({ notNow: 'Other pictures are being read.' });
    expect((screen.getByText('Open files') as HTMLButtonElement).disabled).toBe(true);
    drop(region, 'a.png');
    expect((await screen.findByRole('alert')).textContent).toContain('Other pictures are being read.');
    expect(onFiles).not.toHaveBeenCalled();
  });

  it('keeps a file that is dropped beside it from taking the place of the page', () => {
    show();
    expect(fireEvent.drop(document.body)).toBe(false);
    cleanup();
    expect(fireEvent.drop(document.body)).toBe(true);
  });
});
