"""Blind tests as one HTML page each: sounds at one loudness, no name of a system."""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence

import numpy as np
import soundfile

from lib.corpus import mix
from lib.evaluation import blind_test
from lib.evaluation.blind_test import ANCHOR, REFERENCE
from lib.metrics.loudness import loudness_lufs

LOUDNESS_LUFS = -23.0  # EBU R 128; less for all where a peak would clip
ANCHOR_HZ = 3500.0  # of the low-pass anchor, as in MUSHRA (ITU-R BS.1534-3)
SECONDS = 6.0  # of each sound


def match_loudness(signals: Mapping[str, np.ndarray], sample_rate: int) -> dict[str, np.ndarray]:
    """The first `SECONDS` of each signal, all at one loudness (ITU-R BS.1770-4), within +-1.

    Raises `ValueError` for a signal that is silent or shorter than 0.4 s, which has no loudness.
    """
    levelled = {}
    for name, signal in signals.items():
        short = np.asarray(signal, np.float64)[: round(SECONDS * sample_rate)]
        if not np.isfinite(loudness := loudness_lufs(short, sample_rate)):
            raise ValueError(f"{name}: silent or below 0.4 s, expected a sound that has a loudness")
        levelled[name] = short * 10 ** ((LOUDNESS_LUFS - loudness) / 20)
    peak = max(np.abs(signal).max() for signal in levelled.values())
    return {
        name: (signal / max(1.0, peak / 0.99)).astype(np.float32)
        for name, signal in levelled.items()
    }


def abx_page(
    title: str, items: Mapping[str, Mapping[str, np.ndarray]], systems: tuple[str, str], sample_rate: int,
    n_repeats: int = 1, seed: int = 0,
) -> str:  # fmt: skip
    """Is X A or B? One trial a screen.

    Args:
        items: item_id -> its signals `[T]`, both systems among them.
        n_repeats: trials of each item.
    """
    sounds = {
        i: match_loudness({name: signals[name] for name in systems}, sample_rate)
        for i, signals in items.items()
    }
    screens = []
    for trial in blind_test.abx_order(list(items), systems, n_repeats, seed):
        tags = [
            _player(sounds[trial["item_id"]][trial[letter]], sample_rate, letter.upper())
            for letter in "abx"
        ]
        choices = "".join(
            f'<button data-answer="{letter}">X is {letter.upper()}</button>' for letter in "ab"
        )
        screens.append(f'{"".join(tags)}<p class="choices">{choices}</p>')
    about = {
        "kind": "abx",
        "title": title,
        "seed": seed,
        "items": list(items),
        "systems": list(systems),
    }
    about |= {"n_repeats": n_repeats}
    return _page(title, about, screens, ABX_HELP)


def rating_page(
    title: str,
    items: Mapping[str, Mapping[str, np.ndarray]],
    systems: Sequence[str],
    sample_rate: int,
    seed: int = 0,
) -> str:
    """How near is each sound to the reference, from 0 to 100? A hidden reference and a low-pass anchor are among them.

    Args:
        items: item_id -> its signals `[T]`: `clean` and all `systems`.
    """
    screens, sounds = [], {}
    for item_id, signals in items.items():
        heard = {name: signals[name] for name in (*systems, REFERENCE)}
        heard[ANCHOR] = mix.low_pass(np.asarray(signals[REFERENCE]), ANCHOR_HZ)
        sounds[item_id] = match_loudness(heard, sample_rate)
    for screen in blind_test.rating_order(list(items), systems, seed):
        own = sounds[screen["item_id"]]
        tags = [_player(own[REFERENCE], sample_rate, "Reference")]
        for i, name in enumerate(screen["systems"]):
            slider = f'<input type="range" min="0" max="100" value="50" data-index="{i}" aria-label="rating of {chr(65 + i)}">'
            tags.append(_player(own[name], sample_rate, chr(65 + i), f"{slider}<output>-</output>"))
        screens.append(
            "".join(tags) + '<p class="choices"><button data-answer="next">Next</button></p>'
        )
    about = {
        "kind": "rating",
        "title": title,
        "seed": seed,
        "items": list(items),
        "systems": list(systems),
    }
    return _page(title, about, screens, RATING_HELP)


def _player(signal: np.ndarray, sample_rate: int, label: str, more: str = "") -> str:
    file = io.BytesIO()
    soundfile.write(file, signal, sample_rate, format="FLAC", subtype="PCM_16")
    data = base64.b64encode(file.getvalue()).decode()
    sound = (
        f'<audio preload="auto" aria-label="{label}" src="data:audio/flac;base64,{data}"></audio>'
    )
    name = label if len(label) > 1 else "play"
    return f'<div class="sound"><button class="play"><kbd>{label[0]}</kbd> {name}</button>{sound}{more}</div>'


def _page(title: str, about: dict, screens: Sequence[str], help_text: str) -> str:
    body = "".join(f"<section hidden>{screen}</section>" for screen in screens)
    data = json.dumps(about).replace("<", "\\u003c")
    return PAGE.format(
        title=html.escape(title),
        style=STYLE,
        help=help_text,
        body=body,
        about=data,
        script=SCRIPT,
        n=len(screens),
    )


ABX_HELP = """<p>X is either A or B: which one? The keys <kbd>A</kbd> <kbd>B</kbd> <kbd>X</kbd> switch at the same place,
<kbd>space</kbd> pauses, <kbd>1</kbd> answers A, <kbd>2</kbd> answers B. If you hear no difference, guess.</p>"""
RATING_HELP = """<p>How near is each sound to the reference? 100: no difference, 0: nothing in common. One of them is the
reference itself. The keys <kbd>R</kbd> and <kbd>A</kbd> to <kbd>E</kbd> switch at the same place, <kbd>space</kbd> pauses,
arrows move the rating of the sound that plays, <kbd>enter</kbd> goes on.</p>"""
STYLE = """
:root { color-scheme: light dark; font: 17px/1.45 system-ui, sans-serif; --line: rgba(128, 128, 128, .35); }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
.sound { display: flex; gap: 1rem; align-items: center; padding: .4rem; border-bottom: 1px solid var(--line); }
.sound.current { background: rgba(86, 180, 233, .25); } input[type=range] { flex: 1; } output { width: 3rem; text-align: right; }
button { font: inherit; padding: .4rem 1rem; } .play { min-width: 9rem; text-align: left; }
kbd { border: 1px solid var(--line); border-radius: .2rem; padding: 0 .35rem; font-family: ui-monospace, monospace; }
textarea { width: 100%; height: 12rem; font-family: ui-monospace, monospace; } progress { width: 100%; }
"""
SCRIPT = """
const about = JSON.parse(document.getElementById("about").textContent), answers = [];
const screens = [...document.querySelectorAll("section")], framed = window.self !== window.top;
let at = -1, current = null;
const sounds = () => [...screens[at].querySelectorAll(".sound")];
const player = sound => sound.querySelector("audio");
function play(sound) {
  const place = current && screens[at].contains(current) ? player(current).currentTime % player(current).duration : 0;
  document.querySelectorAll("audio").forEach(other => other.pause());
  document.querySelectorAll(".sound").forEach(other => other.classList.toggle("current", other === sound));
  player(sound).currentTime = sound === current && player(sound).ended ? 0 : place;
  current = sound;
  player(sound).play();
}
function next() {
  document.querySelectorAll("audio").forEach(other => other.pause());
  if (at >= 0) screens[at].hidden = true;
  at += 1;
  current = null;
  document.querySelector("progress").value = at;
  if (at < screens.length) screens[at].hidden = false; else done();
}
function answer(word) {
  if (about.kind === "abx") answers.push(word);
  else {
    const sliders = [...screens[at].querySelectorAll("input")];
    if (sliders.some(slider => slider.dataset.moved !== "yes")) {
      document.getElementById("said").textContent = "Rate every sound first.";
      return;
    }
    answers.push(sliders.map(slider => Number(slider.value)));
  }
  document.getElementById("said").textContent = "";
  next();
}
function done() {
  const text = JSON.stringify({...about, answers, listener: document.getElementById("listener").value});
  const end = document.getElementById("end");
  end.hidden = false;
  end.querySelector("textarea").value = text;
  const link = end.querySelector("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = `${about.kind}_answers.json`;
  link.hidden = framed;
  if (!framed) link.click();
}
screens.forEach(screen => {
  screen.querySelectorAll(".play").forEach(button =>
    button.addEventListener("click", () => play(button.closest(".sound"))));
  screen.querySelectorAll("[data-answer]").forEach(button =>
    button.addEventListener("click", () => answer(button.dataset.answer)));
  screen.querySelectorAll("input").forEach(slider => slider.addEventListener("input", () => {
    slider.dataset.moved = "yes";
    slider.nextElementSibling.value = slider.value;
  }));
});
document.addEventListener("keydown", event => {
  if (at < 0 || at >= screens.length || event.ctrlKey || event.altKey || event.metaKey || event.target.id === "listener") return;
  const letter = event.key.toUpperCase();
  const wanted = sounds().find(sound => sound.querySelector("kbd").textContent === letter);
  if (wanted) play(wanted);
  else if (event.key === " ") { if (current) player(current).paused ? player(current).play() : player(current).pause(); }
  else if (about.kind === "abx" && "12".includes(event.key)) answer("ab"["12".indexOf(event.key)]);
  else if (about.kind === "rating" && event.key === "Enter") answer("next");
  else if (about.kind === "rating" && current && event.key.startsWith("Arrow") && current.querySelector("input")) {
    const slider = current.querySelector("input"), step = event.shiftKey ? 10 : 1;
    slider.value = Number(slider.value) + (["ArrowRight", "ArrowUp"].includes(event.key) ? step : -step);
    slider.dispatchEvent(new Event("input"));
  } else return;
  event.preventDefault();
});
document.getElementById("start").addEventListener("click", event => { event.target.closest("div").hidden = true; next(); });
"""
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style></head>
<body>
<h1>{title}</h1>
{help}
<div><p><label>Your name or a number: <input id="listener"></label> <button id="start">Start</button></p></div>
<progress max="{n}" value="0"></progress><p id="said" role="status"></p>
{body}
<div id="end" hidden><h2>Thank you</h2><p>Your answers; <a hidden>save them as a file</a>, or copy them:</p>
<textarea readonly aria-label="answers"></textarea></div>
<script type="application/json" id="about">{about}</script>
<script>{script}</script>
</body>
</html>
"""
