/** Prometheus metrics of the gateway. Units stand in the names; no label is anything that a client chose. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>;

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

/** @param inFlight predictions under way, read when somebody asks */
export function createGatewayMetrics(inFlight: () => number) {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  new Gauge({
    name: 'trivet_gateway_predictions_in_flight',
    help: 'Predict requests under way.',
    registers,
    collect() {
      this.set(inFlight());
    },
  });
  return {
    register,
    requests: new Counter({
      name: 'trivet_gateway_requests_total',
      help: 'Requests answered, by what was asked and the HTTP status.',
      labelNames: ['kind', 'status'],
      registers,
    }),
    seconds: new Histogram({
      name: 'trivet_gateway_request_duration_seconds',
      help: 'Time from the head of a request to the end of its answer.',
      labelNames: ['kind'],
      buckets: SECONDS,
      registers,
    }),
    samples: new Counter({
      name: 'trivet_gateway_samples_total',
      help: 'Samples predicted.',
      registers,
    }),
  };
}
