"""Blind listening tests as one HTML file each: ABX, and ratings from 0 to 100 beside an open reference; and what answers say.

A page holds its sounds in an order drawn from a seed, and no name of a system: only who has the seed can read the answers.
It plays from disk and inside the MLflow UI, whose frame blocks downloads: there the answers are shown as text to copy.
"""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import soundfile

from lib import degrade, stats, voice

LOUDNESS_LUFS = -23.0  # EBU R 128; less for all where a peak would clip
ANCHOR_HZ = 3500.0  # of the low-pass anchor, as in MUSHRA (ITU-R BS.1534-3)
SECONDS = 6.0  # of each sound
REFERENCE, ANCHOR = "clean", "anchor"


def matched(signals: Mapping[str, np.ndarray], sample_rate: int) -> dict[str, np.ndarray]:
    """The first `SECONDS` of each signal, all at one loudness (ITU-R BS.1770-4), within +-1.

    Raises `ValueError` for a signal that is silent or shorter than 0.4 s, which has no loudness.
    """
    levelled = {}
    for name, signal in signals.items():
        short = np.asarray(signal, np.float64)[: round(SECONDS * sample_rate)]
        if not np.isfinite(loudness := voice.loudness_lufs(short, sample_rate)):
            raise ValueError(f"{name}: silent or below 0.4 s, expected a sound that has a loudness")
        levelled[name] = short * 10 ** ((LOUDNESS_LUFS - loudness) / 20)
    peak = max(np.abs(signal).max() for signal in levelled.values())
    return {name: (signal / max(1.0, peak / 0.99)).astype(np.float32) for name, signal in levelled.items()}


def abx_order(item_ids: Sequence[str], systems: tuple[str, str], n_repeats: int, seed: int) -> list[dict]:
    """The trials: `item_id`, which system `a`, `b` and `x` are. Everything follows from the seed.

    >>> [sorted(trial) for trial in abx_order(["one"], ("enhanced", "restored"), 2, seed=0)]
    [['a', 'b', 'item_id', 'x'], ['a', 'b', 'item_id', 'x']]
    """
    rng = np.random.default_rng([seed, 1])
    trials = []
    for item_id in [item_id for item_id in item_ids for _ in range(n_repeats)]:
        a, b = rng.permutation(systems).tolist()
        trials.append({"item_id": item_id, "a": a, "b": b, "x": (a, b)[rng.integers(2)]})
    return [trials[i] for i in rng.permutation(len(trials))]


def rating_order(item_ids: Sequence[str], systems: Sequence[str], seed: int) -> list[dict]:
    """The screens: `item_id`, and `systems` in the order of their letters, the hidden reference and the anchor among them."""
    rng = np.random.default_rng([seed, 2])
    hidden = [*systems, REFERENCE, ANCHOR]
    screens = [{"item_id": item_id, "systems": rng.permutation(hidden).tolist()} for item_id in item_ids]
    return [screens[i] for i in rng.permutation(len(screens))]


def abx_page(
    title: str, items: Mapping[str, Mapping[str, np.ndarray]], systems: tuple[str, str], sample_rate: int,
    n_repeats: int = 1, seed: int = 0,
) -> str:  # fmt: skip
    """Is X A or B? One trial a screen.

    Args:
        items: item_id -> its signals `[T]`, both systems among them.
        n_repeats: trials of each item.
    """
    sounds = {i: matched({name: signals[name] for name in systems}, sample_rate) for i, signals in items.items()}
    screens = []
    for trial in abx_order(list(items), systems, n_repeats, seed):
        tags = [_player(sounds[trial["item_id"]][trial[letter]], sample_rate, letter.upper()) for letter in "abx"]
        choices = "".join(f'<button data-answer="{letter}">X is {letter.upper()}</button>' for letter in "ab")
        screens.append(f'{"".join(tags)}<p class="choices">{choices}</p>')
    about = {"kind": "abx", "title": title, "seed": seed, "items": list(items), "systems": list(systems)}
    about |= {"n_repeats": n_repeats}
    return _page(title, about, screens, ABX_HELP)


def rating_page(
    title: str, items: Mapping[str, Mapping[str, np.ndarray]], systems: Sequence[str], sample_rate: int, seed: int = 0
) -> str:
    """How near is each sound to the reference, from 0 to 100? A hidden reference and a low-pass anchor are among them.

    Args:
        items: item_id -> its signals `[T]`: `clean` and all `systems`.
    """
    screens, sounds = [], {}
    for item_id, signals in items.items():
        heard = {name: signals[name] for name in (*systems, REFERENCE)}
        heard[ANCHOR] = degrade.low_pass(np.asarray(signals[REFERENCE]), ANCHOR_HZ)
        sounds[item_id] = matched(heard, sample_rate)
    for screen in rating_order(list(items), systems, seed):
        own = sounds[screen["item_id"]]
        tags = [_player(own[REFERENCE], sample_rate, "Reference")]
        for i, name in enumerate(screen["systems"]):
            slider = f'<input type="range" min="0" max="100" value="50" data-index="{i}" aria-label="rating of {chr(65 + i)}">'
            tags.append(_player(own[name], sample_rate, chr(65 + i), f"{slider}<output>-</output>"))
        screens.append("".join(tags) + '<p class="choices"><button data-answer="next">Next</button></p>')
    about = {"kind": "rating", "title": title, "seed": seed, "items": list(items), "systems": list(systems)}
    return _page(title, about, screens, RATING_HELP)


def read(path: str | Path) -> dict:
    """Answers that a page saved. Raises `ValueError` if the file holds none, or not all."""
    try:
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
        kind, answers = saved["kind"], saved["answers"]
        n_wanted = len(_order(saved))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no answers of a blind test ({type(error).__name__})") from None
    if len(answers) != n_wanted:
        raise ValueError(f"{path}: {len(answers)} answers of a {kind} test, expected {n_wanted}: finish the page first")
    return saved


def abx_result(said: Sequence[Mapping]) -> dict:
    """How often X was found by all listeners, and how probable that many are by guessing (exact binomial test, one-sided).

    Args:
        said: from `read`, one of each listener.

    Returns: n_listeners, n_trials, n_right, share, low and high (Clopper-Pearson, 95 %), p_value.
    """
    right = [
        answer == ("a" if trial["x"] == trial["a"] else "b")
        for saved in said
        for trial, answer in zip(_order(saved), saved["answers"], strict=True)
    ]
    n_right, n_trials = sum(right), len(right)
    low, high = scipy.stats.binomtest(n_right, n_trials).proportion_ci(0.95)
    p_value = scipy.stats.binomtest(n_right, n_trials, 0.5, alternative="greater").pvalue
    return {
        "n_listeners": len(said), "n_trials": n_trials, "n_right": n_right, "share": n_right / n_trials,
        "low": low, "high": high, "p_value": p_value,
    }  # fmt: skip


def ratings(said: Sequence[Mapping]) -> pd.DataFrame:
    """One row for each listener, item and system: listener (its number), item_id, system, rating (0 to 100)."""
    rows = []
    for listener, saved in enumerate(said):
        for screen, values in zip(_order(saved), saved["answers"], strict=True):
            named = zip(screen["systems"], values, strict=True)
            rows += [(listener, screen["item_id"], name, float(value)) for name, value in named]
    return pd.DataFrame(rows, columns=["listener", "item_id", "system", "rating"])


def rating_result(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Mean rating of each system with its 95 % bootstrap interval over items; columns system, rating, low, high, n_items.

    What listeners say of one item is no news of another: their ratings of it count as one, by their mean.
    """
    rows = []
    for system, part in table.groupby("system"):
        of_item = part.groupby("item_id").rating.mean()
        rows.append((system, of_item.mean(), *stats.bootstrap_interval(of_item, seed), len(of_item)))
    found = pd.DataFrame(rows, columns=["system", "rating", "low", "high", "n_items"])
    return found.sort_values("rating", ignore_index=True)


def _order(saved: Mapping) -> list[dict]:
    if saved["kind"] == "abx":
        return abx_order(saved["items"], tuple(saved["systems"]), saved["n_repeats"], saved["seed"])
    return rating_order(saved["items"], saved["systems"], saved["seed"])


def _player(signal: np.ndarray, sample_rate: int, label: str, more: str = "") -> str:
    file = io.BytesIO()
    soundfile.write(file, signal, sample_rate, format="FLAC", subtype="PCM_16")
    data = base64.b64encode(file.getvalue()).decode()
    sound = f'<audio preload="auto" aria-label="{label}" src="data:audio/flac;base64,{data}"></audio>'
    name = label if len(label) > 1 else "play"
    return f'<div class="sound"><button class="play"><kbd>{label[0]}</kbd> {name}</button>{sound}{more}</div>'


def _page(title: str, about: dict, screens: Sequence[str], help_text: str) -> str:
    body = "".join(f"<section hidden>{screen}</section>" for screen in screens)
    data = json.dumps(about).replace("<", "\\u003c")
    return PAGE.format(
        title=html.escape(title), style=STYLE, help=help_text, body=body, about=data, script=SCRIPT, n=len(screens)
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
