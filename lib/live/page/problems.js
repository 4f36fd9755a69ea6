// What can go wrong, each in a sentence that says what to do.

const SENTENCES = {
  simd: "This browser has no WebAssembly SIMD, which the network needs: use a current Chromium,"
    + " Firefox or Safari.",
  sound: "This browser gives the page no audio thread: open it as http://127.0.0.1 or localhost,"
    + " in a current Chromium, Firefox or Safari.",
  rate: "This browser does not play at 48 kHz",
  network: "The network does not run: reload the page, or start `make live` again",
  decode: "This browser cannot decode this file: choose a recording as WAV, FLAC, MP3, Ogg or"
    + " Opus",
  empty: "This file holds no samples: choose another one",
  missing: "No microphone was found: connect one, or choose a file.",
  denied: "The browser does not let the page use the microphone: allow it beside the address, or"
    + " choose a file.",
  microphone: "The microphone cannot be opened: close other programs that use it, or choose a file",
  unplugged: "The microphone has gone: connect it again, or choose a file.",
};
const MICROPHONE = { NotFoundError: "missing", NotAllowedError: "denied" };

// An error with the sentence; `found` is what the browser says, or the name of a file.
export function problem(name, found = "") {
  return new Error(found ? `${SENTENCES[name]} (${found}).` : SENTENCES[name]);
}

// What getUserMedia's error means.
export function microphoneProblem(error) {
  const name = MICROPHONE[error.name];
  return name ? problem(name) : problem("microphone", error.message);
}

// The smallest module with an instruction of SIMD: one function, i8x16.popcnt of a constant.
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253,
  15, 253, 98, 11,
];

// Throws if this browser cannot run the page.
export function checkBrowser() {
  if (!globalThis.WebAssembly?.validate(new Uint8Array(SIMD))) throw problem("simd");
  if (!globalThis.isSecureContext || !globalThis.AudioWorkletNode) throw problem("sound");
}
