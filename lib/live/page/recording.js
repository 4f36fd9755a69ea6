// A file as samples of one channel.

import { problem } from "./problems.js";

// The mean of the channels, at the sample rate of `context`.
export async function readRecording(file, context) {
  let decoded;
  try {
    decoded = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw problem("decode", file.name);
  }
  if (decoded.length === 0) throw problem("empty", file.name);
  const n = decoded.numberOfChannels;
  const samples = decoded.getChannelData(0).slice();
  if (n === 1) return samples;
  for (let channel = 1; channel < n; channel++) {
    decoded.getChannelData(channel).forEach((sample, i) => (samples[i] += sample));
  }
  return samples.map(sum => sum / n);
}
