// What the hops of the last minute cost, in milliseconds.

const N_KEPT = 6000;

export class HopTimes {
  reset() {
    this.kept = [];
    this.n = 0; // since the start
    this.worst = 0; // since the start
  }

  constructor() { this.reset(); }

  push(ms) {
    this.kept[this.n % N_KEPT] = ms;
    this.n += 1;
    this.worst = Math.max(this.worst, ms);
  }

  // The time that this share of the hops do not exceed.
  quantile(share) {
    const sorted = Float64Array.from(this.kept).sort();
    return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)];
  }
}
