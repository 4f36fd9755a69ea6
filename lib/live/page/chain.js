// The exported chain on one channel at 48 kHz: a hop of noisy in, one place of three signals out.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

// One thread is faster for hops of 10 ms.
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

export class Chain {
  // `description` is chain.json: the shapes of the states, and the delay in samples.
  constructor(session, description) {
    this.session = session;
    this.description = description;
    this.options = {
      mix: new ort.Tensor("float32", [1], []), // restored alone
      atten_lim_db: new ort.Tensor("float32", [100], []), // no limit
    };
    this.reset();
  }

  static async load(model, description) {
    return new Chain(await ort.InferenceSession.create(model), description);
  }

  // Forget the signal: the states are zeros.
  reset() {
    this.states = {};
    for (const [name, shape] of Object.entries(this.description.states)) {
      const size = shape.reduce((product, n) => product * n, 1);
      this.states[name] = new ort.Tensor("float32", new Float32Array(size), shape);
    }
  }

  // 480 samples of noisy -> { noisy, enhanced, restored }, each `description.delay` samples late.
  async push(hop) {
    const { past, enhanced, factors } = this.states;
    // The model's states hold what restored is made of: the hop of noisy that it belongs to, and
    // enhanced of the same place, as loud as the restorer hears it.
    const factor = 1 + factors.data[0];
    const three = {
      noisy: past.data.slice(0, hop.length),
      enhanced: enhanced.data.map(sample => sample / factor),
    };
    const noisy = new ort.Tensor("float32", hop, [1, hop.length]);
    const results = await this.session.run({ noisy, ...this.options, ...this.states });
    for (const name in this.states) this.states[name] = results[`${name}_after`];
    return { ...three, restored: results.restored.data.slice() };
  }
}
