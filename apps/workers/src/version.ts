/** Version of the worker's software, as in its package. */
export const VERSION = '0.1.0';
