// Sound on the page: the audio thread, the thread of the network, and what they are given.
//
// Events: "hop" with { index, place, signals, ms }; "late" with { n, of }, hops since the start;
// "opened", "ended"; "problem" with an error whose message is for the reader.

import { microphoneProblem, problem } from "./problems.js";
import { readRecording } from "./recording.js";

// The browser must leave to the chain what the chain does.
const UNTOUCHED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export class LiveAudio extends EventTarget {
  take = 0; // counts the signals, so that nothing of one is shown for the next
  source = null; // "file", "microphone" or null
  chosen = 0; // counts what was asked for
  microphone = null; // what comes from it, while it is the source

  // Loads the model. The browser lets sound start with the first click.
  static async open() {
    const audio = new LiveAudio();
    const { port1, port2 } = new MessageChannel();
    audio.description = await audio.startNetwork(port1);
    await audio.startSound(port2);
    return audio;
  }

  startNetwork(port) {
    const worker = new Worker("worker.js", { type: "module" });
    return new Promise((resolve, reject) => {
      const fail = found => {
        reject(problem("network", found)); // while it loads
        this.say("problem", problem("network", found)); // later
      };
      worker.onerror = event => fail(event.message ?? "its thread does not start");
      worker.onmessage = ({ data }) => {
        if (data.hop?.take === this.take) this.say("hop", data.hop);
        if (data.ready) resolve(data.ready);
        if (data.error) fail(data.error);
      };
      worker.postMessage({ audio: port }, [port]);
    });
  }

  async startSound(network) {
    const { sample_rate: sampleRate, hop_length: hopLength, delay } = this.description;
    try {
      this.context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    } catch (error) {
      throw problem("rate", error.message);
    }
    await this.context.audioWorklet.addModule("worklet.js");
    // A device takes as many samples at a time as its buffer holds, and the network has as long
    // for them; two hops more are for whatever else the machine does.
    this.margin = 2 * hopLength + Math.ceil(this.context.baseLatency * sampleRate);
    this.delay = delay + hopLength + this.margin; // samples, from what goes in to what is heard
    this.node = new AudioWorkletNode(this.context, "live", {
      channelCount: 1,
      channelCountMode: "explicit",
      outputChannelCount: [1],
      processorOptions: { hopLength, delay, margin: this.margin },
    });
    this.node.port.postMessage(["connect", network], [network]);
    this.node.port.onmessage = ({ data }) => {
      if (data.take === this.take) this.say(data.type, data.detail);
    };
    this.volume = new GainNode(this.context);
    this.node.connect(this.volume).connect(this.context.destination);
  }

  say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // Plays a recording from its start, or the microphone for null. False if something else was
  // chosen meanwhile: a long file takes seconds to decode, and a browser may ask before it opens
  // the microphone. What was chosen last plays.
  async play(file) {
    const chosen = ++this.chosen;
    const opened = await (file ? readRecording(file, this.context) : this.openMicrophone());
    if (chosen !== this.chosen) {
      if (!file) close(opened);
      return false;
    }
    await (file ? this.start("file", opened, null) : this.start("microphone", null, opened));
    return chosen === this.chosen;
  }

  async openMicrophone() {
    if (!navigator.mediaDevices) throw problem("missing");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: UNTOUCHED });
      return this.context.createMediaStreamSource(stream);
    } catch (error) {
      stream?.getTracks().forEach(track => track.stop());
      throw microphoneProblem(error);
    }
  }

  async start(source, samples, microphone) {
    if (this.microphone) close(this.microphone);
    this.microphone = microphone;
    this.take += 1;
    this.source = source;
    if (microphone) {
      const [track] = microphone.mediaStream.getTracks();
      track.onended = () => this.say("problem", problem("unplugged"));
      microphone.connect(this.node);
    } else {
      this.duration = samples.length / this.description.sample_rate;
    }
    const transferred = samples ? [samples.buffer] : [];
    const opened = new Promise(resolve => this.addEventListener("opened", resolve, { once: true }));
    this.node.port.postMessage(["open", { take: this.take, samples }], transferred);
    await opened;
    this.context.resume(); // not awaited: a browser may wait for a click on Play
  }

  tell(command, value) { this.node.port.postMessage([command, value]); }

  pause() { return this.context.suspend(); }

  resume() { return this.context.resume(); }

  get isPlaying() { return this.source !== null && this.context.state === "running"; }
}

function close(microphone) {
  microphone.disconnect();
  microphone.mediaStream.getTracks().forEach(track => track.stop());
}
