/** Ctrl-C, as programs on Node.js take it. */
export { interruptible, onInterrupt } from '@trivet/node';
