// The audio thread: samples of a file or the microphone go to the network in hops; what comes back
// is heard a fixed number of samples later. A hop that is not back by then is late: silence takes
// its place, and the delay stays what it is.

const FADE_SAMPLES = 240; // from one signal to another: 5 ms
const MAX_PENDING = 10; // hops; a network that is further behind gets none until it has caught up

class Live extends AudioWorkletProcessor {
  // `margin`: samples that the network may take; `delay`: of the network's results.
  constructor({ processorOptions: { hopLength, margin, delay } }) {
    super();
    Object.assign(this, { hopLength, margin, delay });
    this.gains = { noisy: 0, enhanced: 0, restored: 1 };
    this.heard = "restored";
    this.loops = false;
    this.take = 0; // counts the signals; none yet
    this.port.onmessage = ({ data: [command, value] }) => this[command](value);
  }

  connect(network) {
    this.network = network;
    network.onmessage = ({ data }) => this.receive(data);
  }

  // A new signal from its start: samples of a file, or null for what the microphone gives.
  open({ take, samples }) {
    Object.assign(this, { take, samples });
    this.n = 0; // samples since the start
    this.place = 0; // in the file
    this.nBehind = 0; // samples since the end of the file
    this.hop = new Float32Array(this.hopLength);
    this.nSent = this.nReceived = this.nLate = 0;
    this.isBehind = false;
    this.results = new Map(); // signals by the index of their hop
    this.current = null; // the signals that are heard now
    this.port.postMessage({ type: "opened", take });
  }

  hear(name) { this.heard = name; }

  loop(loops) { this.loops = loops; }

  seek(place) {
    this.place = place;
    this.nBehind = 0;
  }

  receive({ take, index, signals }) {
    if (take !== this.take) return; // of the signal before
    this.nReceived += 1;
    if (index >= this.due()) this.results.set(index, signals);
  }

  // The index of the next hop to be heard from its beginning.
  due() {
    return Math.ceil((this.n - this.hopLength - this.margin) / this.hopLength);
  }

  process([[input]], [[output]]) {
    if (!this.take) return true;
    for (let i = 0; i < output.length; i++) {
      this.listen(this.samples ? this.fromFile() : input ? input[i] : 0);
      output[i] = this.next();
      this.n += 1;
    }
    if (this.nBehind > this.delay + this.hopLength + this.margin) {
      this.port.postMessage({ type: "ended", take: this.take });
      this.nBehind = -Infinity; // said once
    }
    return true;
  }

  fromFile() {
    if (this.place >= this.samples.length) {
      this.nBehind += 1;
      return 0;
    }
    const sample = this.samples[this.place++];
    if (this.loops && this.place === this.samples.length) this.place = 0;
    return sample;
  }

  // The next sample of noisy; a whole hop goes to the network.
  listen(sample) {
    const i = this.n % this.hopLength;
    if (i === 0) this.hopPlace = this.samples ? Math.max(this.place - 1, 0) : this.n;
    this.hop[i] = sample;
    if (i < this.hopLength - 1) return;
    const index = (this.n - i) / this.hopLength;
    const nPending = this.nSent - this.nReceived;
    this.isBehind = nPending > (this.isBehind ? 0 : MAX_PENDING);
    if (this.isBehind) return; // this hop will be late
    this.nSent += 1;
    this.network.postMessage({ take: this.take, index, place: this.hopPlace, hop: this.hop });
  }

  // The next sample of what is heard.
  next() {
    const at = this.n - this.hopLength - this.margin;
    if (at < 0) return 0;
    const i = at % this.hopLength;
    if (i === 0) this.turn(at / this.hopLength);
    let sum = 0;
    for (const name in this.gains) {
      const step = (name === this.heard ? 1 : -1) / FADE_SAMPLES;
      this.gains[name] = Math.min(Math.max(this.gains[name] + step, 0), 1);
      if (this.current) sum += this.gains[name] * this.current[name][i];
    }
    return sum;
  }

  // From one hop to the next.
  turn(index) {
    this.current = this.results.get(index) ?? null;
    this.results.delete(index);
    if (this.current) return;
    this.nLate += 1;
    const detail = { n: this.nLate, of: index + 1 };
    this.port.postMessage({ type: "late", take: this.take, detail });
  }
}

registerProcessor("live", Live);
