/**
 * How much of something limited each client may have: never more than is left free. Alone a client gets half of it, two
 * get a third each, and so on; whoever has nothing yet finds something free, and nothing that was given has to be taken
 * back. (Dynamic thresholds for shared memory, with the factor 1: Choudhury and Hahne, IEEE/ACM Transactions on
 * Networking 6(2), 1998.)
 */
export class FairShare {
  readonly #byClient = new Map<string, number>();
  #total = 0;

  constructor(private readonly limit: number) {}

  /** Whether this client may have so much more. @param part of the limit, as if there were no more than that */
  hasRoom(client: string, amount: number, part = 1): boolean {
    return (this.#byClient.get(client) ?? 0) + amount <= Math.ceil(part * this.limit) - this.#total;
  }

  take(client: string, amount: number): void {
    this.#total += amount;
    this.#byClient.set(client, (this.#byClient.get(client) ?? 0) + amount);
  }

  giveBack(client: string, amount: number): void {
    this.#total -= amount;
    const left = (this.#byClient.get(client) ?? 0) - amount;
    if (left > 0) this.#byClient.set(client, left);
    else this.#byClient.delete(client);
  }
}
