import {
  type ChangeEvent,
  type DragEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useRef,
  useState,
} from 'react';
import { Button } from './button.js';
import { droppedFiles, filesOf, type PickedFile } from './dropped-files.js';
import styles from './file-picker.module.css';
import { Notice } from './notice.js';

interface FilePickerProps {
  /** Id of the heading among the children: the region is called by it. */
  readonly titleId: string;
  readonly files: { readonly button: string; readonly label: string; readonly strong?: boolean };
  /** Null where a folder makes no sense: then a single file is wanted. */
  readonly folder: { readonly button: string; readonly label: string } | null;
  /** Whether what is pasted anywhere on the page is meant for this picker; at most one of a page. */
  readonly pasted: boolean;
  /** Why nothing can be taken just now, in a sentence; null when something can. */
  readonly notNow: string | null;
  /** One file at least, and one alone where there is no folder. */
  readonly onFiles: (files: readonly PickedFile[]) => void;
  /** Heading and words. */
  readonly children: ReactNode;
  /** Beside the buttons. */
  readonly tools?: ReactNode;
  /** Below the buttons: how the reading goes, or what was wrong with what was taken. */
  readonly report?: ReactNode;
}

/** A sheet that takes files: by its buttons, dropped on it, or pasted. What cannot be meant is refused in a sentence. */
export function FilePicker(props: FilePickerProps) {
  const { titleId, files, folder, pasted, notNow, onFiles, children, tools, report } = props;
  const [dropping, setDropping] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const fileInput = useRef<HTMLInputElement>(null);
  const folderInput = useRef<HTMLInputElement>(null);
  const single = folder === null;

  // React knows no such attribute.
  useEffect(() => folderInput.current?.setAttribute('webkitdirectory', ''), []);

  const take = useCallback(
    (chosen: readonly PickedFile[], empty: string) => {
      const why = notNow ?? (chosen.length === 0 ? empty : null) ?? (single ? tooMany(chosen.length) : null);
      setProblem(why);
      if (why === null) onFiles(chosen);
    },
    [notNow, single, onFiles],
  );

  useEffect(() => {
    if (!pasted) return;
    const paste = ({ clipboardData }: ClipboardEvent) => {
      // Text is for whatever field has the focus.
      if (clipboardData !== null && clipboardData.files.length > 0) take(filesOf(clipboardData.files), '');
    };
    document.addEventListener('paste', paste);
    return () => document.removeEventListener('paste', paste);
  }, [pasted, take]);

  useEffect(() => {
    // A file that is dropped beside the sheet must not take the place of the page.
    const keep = (event: Event) => event.preventDefault();
    document.addEventListener('dragover', keep);
    document.addEventListener('drop', keep);
    return () => {
      document.removeEventListener('dragover', keep);
      document.removeEventListener('drop', keep);
    };
  }, []);

  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    take(filesOf(event.target.files), 'There is no file in this folder.');
    // So that the same files can be chosen again.
    event.target.value = '';
  };
  const drop = async (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    const holdsFiles = event.dataTransfer.types.includes('Files');
    const empty = holdsFiles
      ? 'There is no file in what was dropped.'
      : 'What was dropped here is not a file.';
    const chosen = await droppedFiles(event.dataTransfer).catch(() => null);
    if (chosen === null) setProblem('The browser could not read what was dropped. Open it by the button.');
    else take(chosen, empty);
  };

  return (
    <section
      className={styles.picker}
      aria-labelledby={titleId}
      data-dropping={dropping}
      onDragOver={(event) => {
        event.preventDefault();
        setDropping(event.dataTransfer.types.includes('Files'));
      }}
      onDragLeave={({ currentTarget, relatedTarget }) => {
        // Going over to something inside is no leaving.
        if (!currentTarget.contains(relatedTarget as Node | null)) setDropping(false);
      }}
      onDrop={(event) => void drop(event)}
    >
      {children}
      <div className={styles.tools}>
        <Button
          {...(files.strong === true ? { look: 'strong' as const } : {})}
          disabled={notNow !== null}
          onClick={() => fileInput.current?.click()}
        >
          {files.button}
        </Button>
        {folder !== null && (
          <Button disabled={notNow !== null} onClick={() => folderInput.current?.click()}>
            {folder.button}
          </Button>
        )}
        {tools}
      </div>
      {problem === null ? (
        report
      ) : (
        <Notice tone="alarm" title="Nothing was read">
          {problem}
        </Notice>
      )}
      <input
        ref={fileInput}
        name="files"
        type="file"
        multiple={!single}
        className="visually-hidden"
        tabIndex={-1}
        aria-label={files.label}
        onChange={choose}
      />
      {folder !== null && (
        <input
          ref={folderInput}
          name="folder"
          type="file"
          multiple
          className="visually-hidden"
          tabIndex={-1}
          aria-label={folder.label}
          onChange={choose}
        />
      )}
    </section>
  );
}

function tooMany(count: number): string | null {
  return count === 1 ? null : `These are ${count} files: one is needed.`;
}
