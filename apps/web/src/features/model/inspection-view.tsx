import { formatBytes } from '../../components/format.js';
import { revealWords } from '../../components/reveal-words.js';
import type { ModelInspection } from '../../compute/model/messages.js';
import styles from './inspection-view.module.css';

const FORMATS: Readonly<Record<ModelInspection['format'], string>> = {
  'keras-hdf5': 'Keras HDF5',
  'keras-zip': 'Keras archive',
  'tfjs-layers': 'TensorFlow.js layers',
  'tfjs-graph': 'TensorFlow.js graph',
  'saved-model': 'SavedModel',
  onnx: 'ONNX',
  unknown: 'unknown format',
};

/** What a model is made of, how large its values get, and what each protocol would make of it. */
export function InspectionView({ inspection }: { readonly inspection: ModelInspection }) {
  const { fileName, format, inputShape, outputShape, reveal, classes, layers } = inspection;
  const { report, folded, multiplications, costs } = inspection;
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  return (
    <section className={styles.inspection} aria-labelledby="inspection-title" data-testid="inspection">
      <h2 id="inspection-title" className={styles.title}>
        {fileName}
        <span className={styles.aside}>
          {FORMATS[format]}, {shapeWords(inputShape)} to{' '}
          {reveal === 'logits' ? shapeWords(outputShape) : `${classes} classes`},{' '}
          {parameters.toLocaleString('en')} trained numbers
        </span>
      </h2>
      <div className={styles.tables}>
        <Table caption="Layers" heads={['Layer', 'Type', 'Trained numbers']}>
          {layers.map(({ name, type, parameters: own }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{type}</td>
              <td>{own.toLocaleString('en')}</td>
            </tr>
          ))}
        </Table>
        <Table
          caption="What the workers run, and the room that is left"
          heads={['Step', 'Result', 'Products', 'Largest value', 'Bits left']}
        >
          {report.map(({ name, op, outputShape: shape, multiplications: products, bound, bitsLeft }) => (
            <tr key={`${name} ${op}`}>
              <th scope="row">
                {name} <span className={styles.op}>{op}</span>
              </th>
              <td>{shapeWords(shape)}</td>
              <td>{products.toLocaleString('en')}</td>
              <td>{Number(bound.toPrecision(3)).toLocaleString('en')}</td>
              <td>{bitsLeft.toFixed(1)}</td>
            </tr>
          ))}
        </Table>
        <Table
          caption="Cost of one input, as each protocol declares it"
          heads={['Protocol', 'Rounds', 'While waiting', 'Ahead of time']}
        >
          {costs.map(({ protocol, rounds, onlineBytes, dealtBytes }) => (
            <tr key={protocol}>
              <th scope="row">{protocol}</th>
              <td>{rounds}</td>
              <td>{formatBytes(onlineBytes)}</td>
              <td>{formatBytes(dealtBytes)}</td>
            </tr>
          ))}
        </Table>
      </div>
      <p className={styles.note}>
        {multiplications.toLocaleString('en')} products of secrets an input.
        {folded.length > 0 &&
          ` Folded away: ${folded.map(({ layer, into }) => `${layer} into ${into}`).join(', ')}.`}{' '}
        No input within the range can make a value larger than these bounds. Clients receive{' '}
        {revealWords(reveal)}.
      </p>
    </section>
  );
}

interface TableProps {
  readonly caption: string;
  readonly heads: readonly string[];
  readonly children: React.ReactNode;
}

function Table({ caption, heads, children }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: wide tables scroll, with keys too
    <section className={styles.scroll} tabIndex={0} aria-label={caption}>
      <table className={styles.table}>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

function shapeWords(shape: readonly number[]): string {
  return shape.join(' × ');
}
