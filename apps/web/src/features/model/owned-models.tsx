import { Fragment, useState } from 'react';
import { Button } from '../../components/button.js';
import { revealWords } from '../../components/reveal-words.js';
import type { OwnedModel } from '../../compute/model/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import styles from './owned-models.module.css';
import { OwnerReport } from './owner-report.js';
import { ServeForm } from './serve-form.js';
import type { OwnerActions } from './use-owner.js';

interface OwnedModelsProps {
  readonly owner: OwnerActions | null;
  readonly owned: readonly OwnedModel[];
}

/** Every version that the three workers hold, with what the owner can do about it. */
export function OwnedModels({ owner, owned }: OwnedModelsProps) {
  const names = [...new Set(owned.map((model) => model.name))].sort();
  return (
    <section className={styles.models} aria-labelledby="owned-title">
      <h2 id="owned-title" className={styles.title}>
        3. Serve it
      </h2>
      {names.length === 0 && <p className={styles.words}>The workers hold none of your models yet.</p>}
      <OwnerReport place="serve" />
      {names.map((name) => (
        <Model
          key={name}
          owner={owner}
          versions={owned.filter((model) => model.name === name).sort((a, b) => b.version - a.version)}
        />
      ))}
    </section>
  );
}

const STATES: Record<OwnedModel['state'], string> = {
  UNKNOWN: 'the workers do not agree yet',
  START: 'never served',
  LOADING: 'loading',
  AVAILABLE: 'answers',
  UNLOADING: 'ends what is under way',
  END: 'not served',
};

function Model({
  owner,
  versions,
}: {
  readonly owner: OwnerActions | null;
  readonly versions: readonly OwnedModel[];
}) {
  const busy = useAppStore((state) => state.ownerBusy !== null);
  const [serving, setServing] = useState<number | null>(null);
  const { name } = versions[0]!;
  const current = versions.find((one) => one.current && one.state === 'AVAILABLE') ?? null;
  const disabled = busy || owner === null;
  const older = current === null ? [] : versions.filter((one) => one.version < current.version);
  return (
    <article className={styles.model} aria-label={`Model ${name}`} data-testid={`model-${name}`}>
      <div className={styles.head}>
        <h3 className={styles.name}>{name}</h3>
        <p className={styles.served} data-testid="served">
          {current === null
            ? 'answers nobody'
            : `version ${current.version} answers, ${current.protocol}: ${(current.served ?? 0).toLocaleString('en')}${
                current.requestLimit === null ? '' : ` of ${current.requestLimit.toLocaleString('en')}`
              } served`}
        </p>
        <div className={styles.buttons}>
          {older.length > 0 && (
            <Button disabled={disabled} onClick={() => owner?.command({ do: 'rollback', model: name })}>
              Roll back
            </Button>
          )}
          {current !== null && (
            <Button disabled={disabled} onClick={() => owner?.command({ do: 'stop', model: name })}>
              Stop
            </Button>
          )}
        </div>
      </div>
      <ul className={styles.versions}>
        {versions.map((one) => (
          <Fragment key={one.version}>
            <li className={styles.version} data-current={one.current}>
              <b>version {one.version}</b>
              <span>
                {STATES[one.state]}
                {one.labels.length > 0 && `, called ${one.labels.join(', ')}`}
                {`, tells ${revealWords(one.reveal)}`}
              </span>
              <time className={styles.date} dateTime={one.createdAt}>
                shared{' '}
                {new Date(one.createdAt).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })}
              </time>
              <div className={styles.buttons}>
                {current !== null && !one.current && (
                  <Button
                    disabled={disabled}
                    onClick={() => owner?.command({ do: 'switch', model: name, version: one.version })}
                  >
                    Switch to it
                  </Button>
                )}
                {current === null && (
                  <Button
                    disabled={disabled}
                    aria-expanded={serving === one.version}
                    onClick={() => setServing(serving === one.version ? null : one.version)}
                  >
                    Serve
                  </Button>
                )}
                {one.state !== 'AVAILABLE' && one.state !== 'LOADING' && (
                  <Button
                    disabled={disabled}
                    onClick={() => owner?.command({ do: 'remove', model: name, version: one.version })}
                  >
                    Remove
                  </Button>
                )}
              </div>
            </li>
            {serving === one.version && current === null && (
              <li>
                <ServeForm
                  model={one}
                  disabled={disabled}
                  onServe={(requestLimit, protocol) => {
                    setServing(null);
                    owner?.command({
                      do: 'serve',
                      model: name,
                      version: one.version,
                      requestLimit,
                      protocol,
                    });
                  }}
                />
              </li>
            )}
          </Fragment>
        ))}
      </ul>
    </article>
  );
}
