import { type ChangeEvent, type DragEvent, useEffect, useRef, useState } from 'react';
import { Button } from '../../components/button.js';
import { Icon } from '../../components/icons.js';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import { useAppStore } from '../../stores/app-store.js';
import styles from './draw-panel.module.css';
import { Glance } from './glance.js';
import { decodePicture, pictureIn } from './load-picture.js';
import { useDigit } from './use-digit.js';
import { PAD_PIXELS, usePad } from './use-pad.js';

/** Where the digit comes from: drawn here, or a picture that is opened, dropped or pasted. */
export function DrawPanel() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const ahead = useRef<HTMLCanvasElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const [dropping, setDropping] = useState(false);
  const { handlers, undo, clear, pen, isEmpty } = usePad(canvas, ahead);
  useDigit(canvas);
  const digit = useAppStore((state) => state.digit);
  const problem = useAppStore((state) => state.pictureProblem);
  const inkless = isEmpty && digit === null;

  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const picture = pictureIn(event.clipboardData);
      if (picture) void showPicture(picture);
    };
    document.addEventListener('paste', paste);
    return () => document.removeEventListener('paste', paste);
  }, []);

  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = event.target.files?.[0];
    if (chosen) void showPicture(chosen);
    // So that the same file can be chosen again.
    event.target.value = '';
  };

  const drop = (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    const picture = pictureIn(event.dataTransfer);
    if (picture) void showPicture(picture);
    else useAppStore.getState().setPictureProblem('What was dropped here is not a picture.');
  };

  return (
    <section className={styles.panel} aria-labelledby="draw-title">
      <div className={styles.head}>
        <h2 id="draw-title" className={styles.title}>
          You draw
        </h2>
        <Glance />
      </div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping has the button "Open a picture" beside it */}
      <div
        className={styles.sheet}
        data-dropping={dropping}
        data-empty={inkless && pen === null}
        onDragOver={(event) => {
          event.preventDefault();
          setDropping(true);
        }}
        onDragLeave={() => setDropping(false)}
        onDrop={drop}
      >
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: drawing takes the arrow keys for itself */}
        <canvas
          ref={canvas}
          width={PAD_PIXELS}
          height={PAD_PIXELS}
          className={styles.pad}
          role="application"
          tabIndex={0}
          aria-label="Drawing pad"
          aria-describedby="pad-keys"
          {...handlers}
        />
        <canvas ref={ahead} width={PAD_PIXELS} height={PAD_PIXELS} className={styles.ahead} />
        {inkless && pen === null && (
          <p className={styles.hint} aria-hidden="true">
            Draw a digit here
          </p>
        )}
        {pen !== null && (
          <span
            className={styles.pen}
            data-down={pen.down}
            style={{ left: `${pen.x * 100}%`, top: `${pen.y * 100}%` }}
          />
        )}
        {dropping && <p className={styles.hint}>Drop the picture</p>}
        <p className={styles.problem} role="status">
          {problem}
        </p>
      </div>
      <p id="pad-keys" className="visually-hidden">
        Draw with mouse, finger or pen. With the keyboard: arrow keys move the pen, Space puts it down and
        lifts it, Control Z takes back the last stroke, Delete clears. The test digits below need no drawing.
      </p>
      <div className={styles.tools}>
        <div className={styles.buttons}>
          <Button look="icon" aria-label="Undo" title="Undo" onClick={undo} disabled={inkless}>
            <Icon name="undo" />
          </Button>
          <Button look="icon" aria-label="Clear" title="Clear" onClick={clear} disabled={inkless}>
            <Icon name="clear" />
          </Button>
          <Button aria-label="Open a picture" onClick={() => file.current?.click()}>
            <Icon name="picture" />
            Open
          </Button>
          <input
            ref={file}
            name="picture"
            type="file"
            accept="image/*"
            className="visually-hidden"
            tabIndex={-1}
            aria-label="Picture file"
            onChange={choose}
          />
        </div>
        <figure className={styles.prepared}>
          <figcaption>what the model will see</figcaption>
          <PixelCanvas
            width={28}
            height={28}
            values={digit?.pixels ?? null}
            label={digit === null ? 'No digit yet' : 'The digit in 28 by 28 pixels, as the model will see it'}
            className={styles.preparedPicture}
          />
        </figure>
      </div>
    </section>
  );
}

async function showPicture(file: Blob): Promise<void> {
  const { showSource, setPictureProblem } = useAppStore.getState();
  try {
    const name = file instanceof File ? file.name : 'picture';
    showSource({ kind: 'picture', name, bitmap: await decodePicture(file) });
  } catch (error) {
    setPictureProblem((error as Error).message);
  }
}
