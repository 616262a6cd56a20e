import { useState } from 'react';
import { Button } from '../../components/button.js';
import type { OwnedModel } from '../../compute/model/messages.js';
import styles from './serve-form.module.css';

interface ServeFormProps {
  readonly model: OwnedModel;
  readonly disabled: boolean;
  readonly onServe: (requestLimit: number | null, protocol: OwnedModel['protocol']) => void;
}

/** How many images are answered, and under which protocol. */
export function ServeForm({ model, disabled, onServe }: ServeFormProps) {
  const [limit, setLimit] = useState('');
  const [protocol, setProtocol] = useState(model.protocols[0]!);
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        onServe(limit === '' ? null : Number(limit), protocol);
      }}
    >
      <label className={styles.field}>
        Images to answer
        <input
          name="request-limit"
          type="number"
          min={1}
          max={1_000_000_000}
          step={1}
          placeholder="no limit"
          value={limit}
          onChange={(event) => setLimit(event.target.value)}
        />
      </label>
      <label className={styles.field}>
        Protocol
        <select
          name="protocol"
          value={protocol}
          onChange={(event) => setProtocol(event.target.value as OwnedModel['protocol'])}
        >
          {model.protocols.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <Button look="strong" type="submit" disabled={disabled}>
        Start serving
      </Button>
    </form>
  );
}
