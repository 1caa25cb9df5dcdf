import { setTimeout as pause } from 'node:timers/promises';
import { measureBatching } from './batch.ts';
import type { Servable } from './bundle.ts';
import type { Processing, Signature } from './facts.ts';
import { Lane, type LaneObserver } from './lane.ts';
import { type OpenModel, openModel } from './model.ts';
import { unavailable } from './request-error.ts';
import { ModelLoadError } from './session.ts';
import type { Tensors } from './tensor.ts';

export interface ServedModelOptions {
  readonly servable: Servable;
  readonly name: string;
  readonly version: string;
  readonly threads: number;
  readonly maxQueue: number;
  readonly observer: LaneObserver;
  /** One line about what a person should know. */
  readonly log: (line: string) => void;
}

interface Loaded {
  readonly model: OpenModel;
  readonly lane: Lane;
}

/** A model behind a name and a version: it takes requests, and comes back by itself when its thread dies. */
export class ServedModel {
  readonly name: string;
  readonly version: string;
  readonly precision: string | undefined;
  readonly processing: Processing;
  readonly signature: Signature;
  readonly #options: ServedModelOptions;
  #loaded: Loaded | undefined;
  #closed = false;

  /** Loads, warms up and measures the model. Throws a `ModelLoadError`. */
  static async load(options: ServedModelOptions): Promise<ServedModel> {
    const loaded = await open(options);
    const { servable, log } = options;
    checkLabels(servable, loaded.model.signature);
    if (loaded.model.omittedOutputs.length > 0) {
      log(`not served, since they are no tensors: outputs ${loaded.model.omittedOutputs.join(', ')}`);
    }
    return new ServedModel(options, loaded);
  }

  private constructor(options: ServedModelOptions, loaded: Loaded) {
    this.name = options.name;
    this.version = options.version;
    this.precision = options.servable.precision;
    this.processing = options.servable.processing;
    this.signature = loaded.model.signature;
    this.#options = options;
    this.#adopt(loaded);
  }

  get isReady(): boolean {
    return this.#loaded !== undefined;
  }

  get where(): 'main' | 'worker' {
    return this.#loaded?.model.where ?? 'worker';
  }

  get queueDepth(): number {
    return this.#loaded?.lane.depth ?? 0;
  }

  /** Runs the model on inputs that fit the signature. Throws a `RequestError`: 400, 500 or 503. */
  async run(inputs: Tensors, isAbandoned: () => boolean): Promise<Tensors> {
    if (this.#loaded === undefined) throw unavailable(`model ${JSON.stringify(this.name)} is not ready`);
    return this.#loaded.lane.submit(inputs, isAbandoned);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#loaded?.model.close();
    this.#loaded = undefined;
  }

  #adopt(loaded: Loaded): void {
    this.#loaded = loaded;
    void loaded.model.lost.then((error) => {
      this.#loaded = undefined;
      this.#options.log(`${error.message}; the model is loaded again`);
      void this.#recover();
    });
  }

  /** Tries for as long as the server lives: until then it says that it is not ready. */
  async #recover(): Promise<void> {
    for (let delayMs = 0; !this.#closed; delayMs = Math.min(10_000, Math.max(250, delayMs * 2))) {
      await pause(delayMs, undefined, { ref: false });
      try {
        const loaded = await open(this.#options);
        if (this.#closed) await loaded.model.close();
        else this.#adopt(loaded);
        return;
      } catch (cause) {
        this.#options.log(`the model could not be loaded again: ${cause instanceof Error ? cause.message : String(cause)}`);
      }
    }
  }
}

async function open({ servable, threads, maxQueue, observer }: ServedModelOptions): Promise<Loaded> {
  const model = await openModel(servable.modelPath, { threads });
  try {
    checkSignature(servable, model.signature);
    const policy = await measureBatching(model);
    return { model, lane: new Lane(model.run, policy, maxQueue, observer) };
  } catch (cause) {
    await model.close();
    throw cause;
  }
}

/** A bundle says what it holds; when its model is another, somebody mixed up files. */
function checkSignature({ signature, modelPath }: Servable, found: Signature): void {
  const names = (of: Signature): string => [...of.inputs, ...of.outputs].map((tensor) => `${tensor.name} ${tensor.dtype}`).join(', ');
  if (signature !== undefined && names(signature) !== names(found)) {
    throw new ModelLoadError(`${modelPath} has ${names(found)}, but the bundle says ${names(signature)}`);
  }
}

function checkLabels({ processing, modelPath }: Servable, signature: Signature): void {
  const classes = signature.outputs[0]?.shape.at(-1);
  const rank = signature.outputs[0]?.shape.length ?? 0;
  const labels = processing.output.labels?.length;
  if (labels === undefined || rank < 2 || typeof classes !== 'number' || classes === labels) return;
  // One number per row stands for two classes.
  if (classes === 1 && labels === 2) return;
  throw new ModelLoadError(`${modelPath} has ${classes} classes, but ${labels} labels are declared`);
}
