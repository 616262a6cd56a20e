/**
 * Which web pages may connect. Browsers say where a page comes from; WebSockets know no CORS, so the worker checks.
 * A program that is no browser sends no origin; it can claim any, so refusing it would protect nobody.
 */

/** @param allowed origins; ":*" at the end of one allows each of its ports, and the default one */
export function isAllowedOrigin(origin: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined) return true;
  return allowed.some((entry) => {
    if (!entry.endsWith(':*')) return entry === origin;
    const base = entry.slice(0, -2);
    return (
      origin === base || (origin.startsWith(`${base}:`) && /^\d{1,5}$/.test(origin.slice(base.length + 1)))
    );
  });
}
