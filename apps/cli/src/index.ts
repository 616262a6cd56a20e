/** What end-to-end tests need of the command line. */
export { servePage } from './demo/page-server.js';
