import { useEffect, useState } from 'react';
import { formatMilliseconds } from '../components/format.js';
import { Logo } from '../components/logo.js';
import { Engine } from '../compute/engine.js';
import type { SelfTestReport } from '../compute/worker/self-test.js';
import styles from './self-test-page.module.css';

/** Shows whether this browser's GPU makes the same shares as its CPU, and how fast each is. */
export function SelfTestPage() {
  const [report, setReport] = useState<SelfTestReport | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    const engine = Engine.start();
    let closed = false;
    engine
      .selfTest()
      .then((result) => !closed && setReport(result))
      .catch((error: Error) => !closed && setProblem(error.message));
    return () => {
      closed = true;
      engine.close();
    };
  }, []);

  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <a href="/">
          <Logo />
        </a>
      </header>
      <main>
        <h1 className={styles.title}>Self-test of this browser</h1>
        <p className={styles.lead}>
          Shares can be made on the GPU or on the CPU. From the same seeds both must give the same bits: here
          they do it side by side, for easy inputs and for hard ones.
        </p>
        <p className={styles.verdict} role="status" data-testid="verdict">
          {problem ?? verdictOf(report)}
        </p>
        {report !== null && report.gpuLabel !== null && (
          <table className={styles.cases}>
            <thead>
              <tr>
                <th scope="col">Numbers</th>
                <th scope="col">Fractional bits</th>
                <th scope="col">Different words</th>
                <th scope="col">{report.cpuLabel}</th>
                <th scope="col">WebGPU</th>
              </tr>
            </thead>
            <tbody>
              {report.cases.map((one) => (
                <tr key={`${one.inputs} ${one.fractionalBits}`} data-testid="case">
                  <td>{one.inputs.toLocaleString('en')}</td>
                  <td>{one.fractionalBits}</td>
                  <td data-testid="differences">{one.differences.toLocaleString('en')}</td>
                  <td>{formatMilliseconds(one.cpuMs)}</td>
                  <td>{formatMilliseconds(one.gpuMs)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </main>
    </div>
  );
}

function verdictOf(report: SelfTestReport | null): string {
  if (report === null) return 'Running…';
  if (report.gpuLabel === null) return `There is nothing to compare: ${report.reason}`;
  const words = report.cases.reduce((sum, one) => sum + one.inputs, 0).toLocaleString('en');
  const different = report.cases.reduce((sum, one) => sum + one.differences, 0);
  return different === 0
    ? `Equal: ${words} words from ${report.gpuLabel} and ${report.cpuLabel}, bit for bit.`
    : `Different: ${different.toLocaleString('en')} of ${words} words. The GPU must not be used here; choose CPU in the settings.`;
}
