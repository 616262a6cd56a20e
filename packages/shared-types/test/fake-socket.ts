/** A client's and a worker's end of a socket without a network, and somebody in between who has all that they say in hand. */

type Part = unknown;

/** One message on its way; a test may change it, keep it, or let it come twice. */
export interface Message {
  readonly toWorker: boolean;
  /** `trivet:…`, or null: an acknowledgement. */
  readonly event: string | null;
  part: Part;
  deliver(part?: Part): void;
}

export class Wire {
  readonly messages: Message[] = [];
  /** Whether a message goes through by itself. */
  passes = (_: Message): boolean => true;
  closed = false;
  readonly #clientListeners = new Map<string, ((...parts: Part[]) => void)[]>();
  #workerListener: (event: string, ...parts: Part[]) => void = () => {};

  #carry(message: Message): void {
    this.messages.push(message);
    // As a socket does it: later, and in order.
    if (this.passes(message)) queueMicrotask(() => message.deliver());
  }

  readonly client = {
    connected: true,
    id: 'one',
    emit: (event: string, ...parts: Part[]) => {
      const acknowledge = parts[1] as (part: Part) => void;
      const deliver = (part: Part = message.part) =>
        this.#workerListener(event, part, this.#reply(acknowledge));
      const message: Message = { toWorker: true, event, part: parts[0], deliver };
      this.#carry(message);
    },
    on: (event: string, listener: (...parts: Part[]) => void) => {
      this.#clientListeners.set(event, [...(this.#clientListeners.get(event) ?? []), listener]);
    },
    off: (event: string) => void this.#clientListeners.delete(event),
  };

  readonly worker = {
    emit: (event: string, part: Part) => {
      const deliver = (changed: Part = message.part) => {
        for (const listener of this.#clientListeners.get(event) ?? []) listener(changed);
      };
      const message: Message = { toWorker: false, event, part, deliver };
      this.#carry(message);
    },
    onAny: (listener: (event: string, ...parts: Part[]) => void) => {
      this.#workerListener = listener;
    },
    disconnect: () => {
      this.closed = true;
    },
  };

  #reply(acknowledge: (part: Part) => void) {
    return (part: Part) => {
      const deliver = (changed: Part = message.part) => acknowledge(changed);
      const message: Message = { toWorker: false, event: null, part, deliver };
      this.#carry(message);
    };
  }
}
