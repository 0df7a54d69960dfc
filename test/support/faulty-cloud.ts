import { type CloudCall, type CloudError, InterposedCloud } from './interposed-cloud.ts';

/** An error for requests of one operation, such as `PutItem`, whose body holds `about`. */
export interface Refusal extends Pick<CloudCall, 'service' | 'operation'>, Pick<CloudError, 'error'> {
  about?: string;
  /** Whether its message says back all that the request held. */
  echoes?: boolean;
}

/** Stands between the functions and the emulated services and refuses some of their requests, as a service does that throttles. */
export class FaultyCloud {
  readonly #cloud = new InterposedCloud((call) => this.#decide(call));
  #refusal: Refusal | undefined;
  #refused = 0;

  /** Opens a port for each service; to be given to the functions in place of `endpoints`. */
  open<E extends Parameters<InterposedCloud['open']>[0]>(endpoints: E): Promise<E> {
    return this.#cloud.open(endpoints);
  }

  close(): Promise<void> {
    return this.#cloud.close();
  }

  refuse(refusal: Refusal): void {
    this.#refusal = refusal;
    this.#refused = 0;
  }

  /** How many requests the last refusal has met. */
  get refused(): number {
    return this.#refused;
  }

  relent(): void {
    this.#refusal = undefined;
  }

  #decide({ service, operation, body }: CloudCall): CloudError | undefined {
    const refusal = this.#refusal;
    if (refusal?.service !== service || refusal.operation !== operation) return undefined;
    if (!body.includes(refusal.about ?? '')) return undefined;
    this.#refused += 1;
    return { error: refusal.error, message: refusal.echoes ? body.toString() : 'Rate exceeded' };
  }
}
