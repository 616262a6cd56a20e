import { type RefObject, useId } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { useEngine } from '../../app/engine-context.js';
import { Button } from '../../components/button.js';
import { formatMilliseconds } from '../../components/format.js';
import { Icon } from '../../components/icons.js';
import type { ComputePreference, SharingState } from '../../compute/sharing/adaptive-sharer.js';
import { useAppStore } from '../../stores/app-store.js';
import type { Theme } from '../../stores/settings-slice.js';
import { Choice } from './choice.js';
import styles from './settings-dialog.module.css';
import { TokenField } from './token-field.js';

const PREFERENCES: readonly (readonly [ComputePreference, string])[] = [
  ['auto', 'Automatic'],
  ['webgpu', 'WebGPU'],
  ['cpu', 'CPU'],
];

const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

/** Where shares are made, which model is asked, and how the page looks. */
export function SettingsDialog({ dialog }: { readonly dialog: RefObject<HTMLDialogElement | null> }) {
  const engine = useEngine();
  const titleId = useId();
  // In every page's head: it is not to be rendered with every move of the pen.
  const { preference, theme, predictAutomatically, models, model, sharing } = useAppStore(
    useShallow(({ preference, theme, predictAutomatically, models, model, sharing }) => {
      return { preference, theme, predictAutomatically, models, model, sharing };
    }),
  );
  const { changeSettings } = useAppStore.getState();
  const usable = models.filter((one) => one.takesDigits);

  const choosePreference = (chosen: ComputePreference) => {
    changeSettings({ preference: chosen });
    engine?.setPreference(chosen);
  };

  return (
    <dialog ref={dialog} className={styles.dialog} aria-labelledby={titleId}>
      <div className={styles.head}>
        <h2 id={titleId}>Settings</h2>
        <Button look="icon" aria-label="Close the settings" onClick={() => dialog.current?.close()}>
          <Icon name="close" />
        </Button>
      </div>
      <Choice
        legend="Make the shares on"
        options={PREFERENCES}
        value={preference}
        onChange={choosePreference}
      />
      {sharing !== null && <SharingReport sharing={sharing} />}
      <Choice
        legend="Colours"
        options={THEMES}
        value={theme}
        onChange={(chosen) => changeSettings({ theme: chosen })}
      />
      <label className={styles.check}>
        <input
          type="checkbox"
          name="predict-automatically"
          checked={predictAutomatically}
          onChange={(event) => changeSettings({ predictAutomatically: event.target.checked })}
        />
        Ask the workers after every stroke
      </label>
      {usable.length > 1 && (
        <label className={styles.select}>
          Model
          <select
            name="model"
            value={model ?? ''}
            onChange={(event) => changeSettings({ model: event.target.value || null })}
          >
            <option value="">The first one served</option>
            {usable.map((one) => (
              <option key={one.name} value={one.name}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
      )}
      <TokenField />
    </dialog>
  );
}

/** What is known of the two ways to make shares on this computer. */
function SharingReport({ sharing }: { readonly sharing: SharingState }) {
  const { gpu, cpuLabel, calibrations } = sharing;
  const gpuWords = {
    idle: 'WebGPU has not been tried yet.',
    loading: 'WebGPU is loading.',
    ready: 'label' in gpu ? `${gpu.label} is ready.` : '',
    unavailable: 'reason' in gpu ? gpu.reason : '',
  }[gpu.state];
  return (
    <div className={styles.report} data-testid="sharing-report">
      <p>{gpuWords} Whatever is chosen, the shares are the same bits.</p>
      {calibrations.length > 0 && (
        <table>
          <caption className="visually-hidden">Measured on this computer</caption>
          <thead>
            <tr>
              <th scope="col">Numbers</th>
              <th scope="col">{cpuLabel}</th>
              <th scope="col">WebGPU</th>
            </tr>
          </thead>
          <tbody>
            {calibrations.map((one) => (
              <tr key={one.sizeClass}>
                <td>about {(2 ** one.sizeClass).toLocaleString('en')}</td>
                <td data-faster={one.cpuMs <= one.gpuMs}>{formatMilliseconds(one.cpuMs)}</td>
                <td data-faster={one.gpuMs < one.cpuMs}>{formatMilliseconds(one.gpuMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p>
        <a href="/selftest.html">Compare them bit for bit in this browser</a>
      </p>
    </div>
  );
}
