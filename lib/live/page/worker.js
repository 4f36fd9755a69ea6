// The thread of the network. Hops come from the audio thread by a port of their own; the three
// signals go back there, and to the page, which draws them.

import { Chain } from "./chain.js";

let chain, audio;
let newest = 0; // the signal that plays now
let places = []; // of the hops that are on their way, in samples of the file
let queue = Promise.resolve();

self.onmessage = async ({ data }) => {
  try {
    const answers = await Promise.all(["chain.json", "chain.onnx"].map(name => fetch(name)));
    const failed = answers.find(answer => !answer.ok);
    if (failed) throw new Error(`${failed.url}: ${failed.status}`);
    const [description, model] = [await answers[0].json(), await answers[1].arrayBuffer()];
    chain = await Chain.load(model, description);
    // The browser compiles what runs often once more, in the first second; no hop shall be late.
    for (let i = 0; i < 100; i++) await chain.push(noise(description.hop_length));
    audio = data.audio;
    // One hop after the other, though running the network is asynchronous.
    audio.onmessage = ({ data }) => {
      newest = data.take;
      queue = queue.then(() => push(data)).catch(fail);
    };
    self.postMessage({ ready: description });
  } catch (error) {
    fail(error);
  }
};

function fail(error) {
  self.postMessage({ error: String(error.message ?? error) });
}

async function push({ take, index, place, hop }) {
  if (take !== newest) return; // nobody waits for it any more
  if (index === 0) {
    chain.reset();
    places = Array(chain.description.delay / hop.length).fill(place);
  }
  places.push(place);
  const start = performance.now();
  const signals = await chain.push(hop);
  const ms = performance.now() - start;
  audio.postMessage({ take, index, signals });
  self.postMessage({ hop: { take, index, place: places.shift(), signals, ms } });
}

function noise(n) {
  return Float32Array.from({ length: n }, () => 0.1 * Math.random() - 0.05);
}
