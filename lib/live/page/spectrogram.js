// Running spectrograms: Hann 2048 at 48 kHz, a column a hop, dB re a full-scale sine.

const N_FFT = 2048;
const FLOOR_DB = -90;
const COLOURS = [
  // From dark to bright, as matplotlib's inferno.
  [0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21],
  [250, 193, 39], [252, 255, 164],
];

export class Spectrogram {
  // `canvas`: as many columns as its width, from 0 to 24 kHz over its height.
  constructor(canvas) {
    this.context = canvas.getContext("2d");
    this.width = canvas.width;
    this.height = canvas.height;
    this.ring = new OffscreenCanvas(this.width, this.height); // columns, the oldest one at `at`
    this.ringContext = this.ring.getContext("2d");
    this.column = this.ringContext.createImageData(1, this.height);
    this.reset();
  }

  reset() {
    this.samples = new Float32Array(N_FFT);
    this.at = 0;
    this.ringContext.fillStyle = `rgb(${COLOURS[0]})`;
    this.ringContext.fillRect(0, 0, this.width, this.height);
    this.draw();
  }

  // The next hop.
  push(hop) {
    this.samples.copyWithin(0, hop.length);
    this.samples.set(hop, N_FFT - hop.length);
    const levels = powers(this.samples);
    const binsPerRow = levels.length / this.height;
    for (let row = 0; row < this.height; row++) {
      const first = Math.floor(row * binsPerRow);
      let power = 0;
      for (let bin = first; bin < (row + 1) * binsPerRow; bin++) {
        power = Math.max(power, levels[bin]);
      }
      const share = 1 - (10 * Math.log10(power + 1e-12)) / FLOOR_DB;
      const pixel = 4 * (this.height - 1 - row);
      this.column.data.set(PALETTE[Math.round(255 * Math.min(Math.max(share, 0), 1))], pixel);
    }
    this.ringContext.putImageData(this.column, this.at, 0);
    this.at = (this.at + 1) % this.width;
  }

  // The newest column at the right edge.
  draw() {
    this.context.drawImage(this.ring, -this.at, 0);
    this.context.drawImage(this.ring, this.width - this.at, 0);
  }
}

const PALETTE = Array.from({ length: 256 }, (_, i) => {
  const at = (i / 255) * (COLOURS.length - 1);
  const below = Math.min(Math.floor(at), COLOURS.length - 2);
  const mix = k => COLOURS[below][k] + (at - below) * (COLOURS[below + 1][k] - COLOURS[below][k]);
  return [mix(0), mix(1), mix(2), 255];
});

const WINDOW = Float64Array.from(
  { length: N_FFT }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / N_FFT));
const COSINES = WINDOW.map((_, i) => Math.cos((2 * Math.PI * i) / N_FFT));
const SINES = WINDOW.map((_, i) => Math.sin((2 * Math.PI * i) / N_FFT));
const REVERSED = WINDOW.map((_, i) => {
  let reversed = 0;
  for (let bit = 1; bit < N_FFT; bit *= 2) reversed = 2 * reversed + (i & bit ? 1 : 0);
  return reversed;
});
const real = new Float64Array(N_FFT);
const imaginary = new Float64Array(N_FFT);

// Powers of the 1024 bins of 2048 samples; a full-scale sine has 1 in its bin.
export function powers(samples) {
  for (let i = 0; i < N_FFT; i++) {
    real[REVERSED[i]] = samples[i] * WINDOW[i];
  }
  imaginary.fill(0);
  for (let half = 1; half < N_FFT; half *= 2) {
    const stride = N_FFT / (2 * half);
    for (let start = 0; start < N_FFT; start += 2 * half) {
      for (let i = 0; i < half; i++) butterfly(start + i, start + i + half, i * stride);
    }
  }
  const scale = 4 / N_FFT; // the window's sum is N_FFT / 2, and half of a sine is in its bin
  const result = new Float64Array(N_FFT / 2);
  return result.map((_, k) => scale ** 2 * (real[k] ** 2 + imaginary[k] ** 2));
}

function butterfly(a, b, angle) {
  const re = real[b] * COSINES[angle] + imaginary[b] * SINES[angle];
  const im = imaginary[b] * COSINES[angle] - real[b] * SINES[angle];
  real[b] = real[a] - re;
  imaginary[b] = imaginary[a] - im;
  real[a] += re;
  imaginary[a] += im;
}
