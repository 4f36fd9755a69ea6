// The page: controls and keys, the spectrograms, and the figures below them.

import { LiveAudio } from "./audio.js";
import { checkBrowser } from "./problems.js";
import { Spectrogram } from "./spectrogram.js";
import { HopTimes } from "./times.js";

const JUMP_S = 5; // of the arrow keys
const HOPS_PER_PICTURE = 4; // 25 pictures a second: the network has better use for the processor
const element = id => document.getElementById(id);
const spectrograms = {};
for (const label of document.querySelectorAll("#signals label")) {
  const name = label.querySelector("input").value;
  spectrograms[name] = new Spectrogram(label.querySelector("canvas"));
}
const times = new HopTimes();
let place = 0; // of the newest hop, in samples
let late = { n: 0, of: 0 }; // hops
let title = ""; // of what plays
export let audio;

async function open() {
  try {
    checkBrowser();
    audio = await LiveAudio.open();
  } catch (error) {
    showProblem(error);
    element("status").textContent = "The page cannot run here.";
    return;
  }
  audio.addEventListener("hop", ({ detail }) => showHop(detail));
  audio.addEventListener("late", ({ detail }) => (late = detail));
  audio.addEventListener("ended", end);
  audio.addEventListener("problem", ({ detail }) => showProblem(detail));
  audio.context.addEventListener("statechange", showState);
  element("file").disabled = element("microphone").disabled = false;
  listenToControls();
  showDelay();
  showState();
  draw();
  setInterval(showFigures, 500);
}

// -- what the reader does

function listenToControls() {
  element("file").addEventListener("change", ({ target }) => {
    if (target.files[0]) play(target.files[0]);
    target.value = ""; // so that the same file may be chosen again
  });
  element("microphone").addEventListener("click", () => play(null));
  element("play").addEventListener("click", playOrPause);
  element("seek").addEventListener("change", ({ target }) => seek(target.value));
  element("loop").addEventListener("change", ({ target }) => audio.tell("loop", target.checked));
  element("sound").addEventListener("change", hush);
  element("signals").addEventListener("change", ({ target }) => audio.tell("hear", target.value));
  document.addEventListener("keydown", pressKey);
  document.addEventListener("dragover", event => event.preventDefault());
  document.addEventListener("drop", event => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) play(event.dataTransfer.files[0]);
  });
}

const KEYS = {
  1: () => document.querySelector("[value=noisy]").click(),
  2: () => document.querySelector("[value=enhanced]").click(),
  3: () => document.querySelector("[value=restored]").click(),
  f: () => element("file").click(),
  m: () => element("microphone").click(),
  l: () => element("loop").click(),
  s: () => element("sound").click(),
  " ": () => element("play").click(),
  ArrowLeft: () => seek(place / sampleRate() - JUMP_S),
  ArrowRight: () => seek(place / sampleRate() + JUMP_S),
};

function pressKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  // A control that has the focus keeps the keys that it knows itself.
  if (event.key === " " && event.target.matches("button, [type=checkbox]")) return;
  if (event.key.startsWith("Arrow") && event.target.matches("input")) return;
  const act = KEYS[event.key.toLowerCase()] ?? KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

// A file, or the microphone for null.
async function play(file) {
  element("problem").hidden = true;
  try {
    if (!(await audio.play(file))) return;
  } catch (error) {
    showProblem(error); // what played before plays on
    return;
  }
  title = file ? file.name : "the microphone";
  times.reset();
  late = { n: 0, of: 0 };
  place = 0;
  for (const spectrogram of Object.values(spectrograms)) spectrogram.reset();
  element("seek").disabled = !file;
  element("seek").max = file ? audio.duration : 1;
  // Loudspeakers beside a microphone howl.
  element("sound").checked = Boolean(file);
  hush();
  draw();
}

function playOrPause() {
  return audio.isPlaying ? audio.pause() : audio.resume();
}

async function end() {
  await audio.pause();
  seek(0);
}

function seek(seconds) {
  if (audio.source !== "file") return;
  const within = Math.min(Math.max(seconds, 0), audio.duration);
  place = Math.floor(within * sampleRate());
  audio.tell("seek", place);
  draw();
}

function hush() {
  audio.volume.gain.value = element("sound").checked ? 1 : 0;
  showState();
}

// -- what the page shows

function showHop(hop) {
  if (audio.isPlaying) place = hop.place; // else it is from before a pause or a jump
  late.of = Math.max(late.of, hop.index + 1);
  times.push(hop.ms);
  if (document.hidden) return;
  for (const name in spectrograms) spectrograms[name].push(hop.signals[name]);
  if (hop.index % HOPS_PER_PICTURE === 0) requestAnimationFrame(draw);
}

function draw() {
  for (const spectrogram of Object.values(spectrograms)) spectrogram.draw();
  const seconds = place / sampleRate();
  // While it is dragged it is the reader's.
  if (!element("seek").matches(":active")) {
    element("seek").value = audio.source === "file" ? seconds : 0;
  }
  const whole = audio.source === "file" ? ` / ${clock(audio.duration)}` : "";
  element("clock").textContent = clock(seconds) + whole;
}

function showState() {
  const { isPlaying, source } = audio;
  element("play").disabled = !source;
  element("play").firstChild.data = isPlaying || !source ? "Pause " : "Play ";
  element("microphone").classList.toggle("on", source === "microphone");
  element("choose").classList.toggle("on", source === "file");
  const isHushed = !element("sound").checked;
  const headphones = source === "microphone" ? ": put on headphones, then turn it on (S)" : "";
  const hushed = isHushed ? `, sound is off${headphones}` : "";
  const playing = `${isPlaying ? "Playing" : "Paused:"} ${title}${hushed}`;
  element("status").textContent = source ? playing : "Ready: choose a file or the microphone.";
}

function showDelay() {
  const ms = samples => Math.round((1000 * samples) / sampleRate());
  const { delay, hop_length: hop } = audio.description;
  element("delay").textContent = `${ms(audio.delay)} ms`;
  element("delay-parts").textContent =
    `${ms(delay)} both networks, ${ms(hop)} a whole hop, ${ms(audio.margin)} in reserve for slow hops`;
}

function showFigures() {
  const isBusy = late.n > late.of / 100;
  element("late").textContent = late.n.toLocaleString("en");
  element("late").classList.toggle("some", late.n > 0);
  element("hops").textContent = `of ${late.of.toLocaleString("en")}`
    + (isBusy ? ": this machine is too slow, or busy with something else" : "");
  if (!times.n) return;
  const [median, p99] = [0.5, 0.99].map(share => times.quantile(share).toFixed(2));
  element("median").textContent = `${median} ms`;
  element("slowest").textContent = `median; 99 % below ${p99}, worst ${times.worst.toFixed(1)} ms`;
}

function showProblem(error) {
  element("problem").textContent = error.message;
  element("problem").hidden = false;
}

function sampleRate() { return audio.description.sample_rate; }

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

open();
