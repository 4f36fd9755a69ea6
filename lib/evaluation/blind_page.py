"""Blind tests as one HTML page each: all sounds have one loudness, and the page names no system.

The key of a page is kept in `runs/blind`, see `blind_test.keep_key`.
"""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from string import ascii_uppercase

import numpy as np
import soundfile

from lib.corpus import mix
from lib.evaluation import blind_test
from lib.evaluation.blind_test import ANCHOR, REFERENCE
from lib.evaluation.html_page import fill_page, read_text
from lib.metrics.loudness import loudness_lufs

LOUDNESS_LUFS = -23.0  # EBU R 128; lower for all sounds if one would clip
MAX_PEAK = 0.99
ANCHOR_HZ = 3500.0  # of the low-pass anchor, as in MUSHRA (ITU-R BS.1534-3)
SECONDS = 6.0  # of each sound


def abx_page(
    title: str,
    items: Mapping[str, Mapping[str, np.ndarray]],
    systems: tuple[str, str],
    sample_rate: int,
    n_repeats: int = 1,
    seed: int = 0,
) -> str:
    """Is X A or B? One trial a screen.

    Args:
        items: item_id -> its signals `[T]`, both systems among them.
        systems: the two that are compared.
        sample_rate: of all signals, Hz.
        n_repeats: trials of each item.
        seed: of the order and of what A, B and X are.

    Raises:
        ValueError: a signal is silent or shorter than 0.4 s.
    """
    # Loudness gives a system away: all sounds of a trial have the same.
    sounds = {
        item_id: match_loudness({name: signals[name] for name in systems}, sample_rate)
        for item_id, signals in items.items()
    }
    choices = "".join(
        f'<button data-answer="{letter}">X is {letter.upper()}</button>' for letter in "ab"
    )
    screens = []
    for trial in blind_test.abx_order(list(items), systems, n_repeats, seed):
        signals = sounds[trial["item_id"]]
        players = [_player(signals[trial[x]], sample_rate, x.upper()) for x in "abx"]
        screens.append(_screen(players, choices))
    order = _order("abx", title, seed, items, systems) | {"n_repeats": n_repeats}
    return _page(title, order, screens)


def rating_page(
    title: str,
    items: Mapping[str, Mapping[str, np.ndarray]],
    systems: Sequence[str],
    sample_rate: int,
    seed: int = 0,
) -> str:
    """How near is each sound to the reference, from 0 to 100? One item a screen.

    The reference itself and a low-pass anchor are hidden among the systems, as in MUSHRA.

    Args:
        items: item_id -> its signals `[T]`: `clean`, which is the reference, and all `systems`.
        systems: names of the signals that are rated.
        sample_rate: of all signals, Hz.
        seed: of the order.

    Raises:
        ValueError: a signal is silent or shorter than 0.4 s.
    """
    sounds = {}
    for item_id, signals in items.items():
        played = {name: signals[name] for name in (*systems, REFERENCE)}
        # The anchor is bad in a known way: it shows whether a listener uses the whole scale.
        played[ANCHOR] = mix.low_pass(np.asarray(signals[REFERENCE]), ANCHOR_HZ)
        sounds[item_id] = match_loudness(played, sample_rate)
    screens = []
    for screen in blind_test.rating_order(list(items), systems, seed):
        signals = sounds[screen["item_id"]]
        players = [_player(signals[REFERENCE], sample_rate, "Reference")]
        for i, (letter, name) in enumerate(zip(ascii_uppercase, screen["systems"], strict=False)):
            players.append(_player(signals[name], sample_rate, letter, _slider(i, letter)))
        screens.append(_screen(players, '<button data-answer="next">Next</button>'))
    return _page(title, _order("rating", title, seed, items, systems), screens)


def match_loudness(signals: Mapping[str, np.ndarray], sample_rate: int) -> dict[str, np.ndarray]:
    """The first `SECONDS` of each signal, all at one loudness (ITU-R BS.1770-4), within +-1.

    Raises `ValueError` for a signal that is silent or shorter than 0.4 s, which has no loudness.
    """
    matched = {}
    for name, signal in signals.items():
        excerpt = np.asarray(signal, np.float64)[: round(SECONDS * sample_rate)]
        if not np.isfinite(loudness := loudness_lufs(excerpt, sample_rate)):
            raise ValueError(f"{name}: silent or below 0.4 s, expected a sound that has a loudness")
        matched[name] = excerpt * 10 ** ((LOUDNESS_LUFS - loudness) / 20)
    peak = max(np.abs(signal).max() for signal in matched.values())
    # One factor for all: the loudness stays equal.
    scale = max(1.0, peak / MAX_PEAK)
    return {name: (signal / scale).astype(np.float32) for name, signal in matched.items()}


def _order(
    kind: str, title: str, seed: int, items: Mapping[str, Mapping], systems: Sequence[str]
) -> dict:
    """Everything from which the order of a page follows: its key."""
    return {
        "kind": kind,
        "title": title,
        "seed": seed,
        "items": list(items),
        "systems": list(systems),
    }


def _page(title: str, order: dict, screens: Sequence[str]) -> str:
    # The page saves this with the answers. Whoever reads its source must not find the key in it.
    saved = json.dumps({"kind": order["kind"], "key": blind_test.keep_key(order)})
    return fill_page(
        "blind_page",
        title=html.escape(title),
        help=read_text(f"{order['kind']}_help.html").strip(),
        n_screens=str(len(screens)),
        screens="".join(screens),
        about=saved,
    )


def _screen(players: Sequence[str], choices: str) -> str:
    return f'<section hidden>{"".join(players)}<p class="choices">{choices}</p></section>'


def _player(signal: np.ndarray, sample_rate: int, label: str, rating: str = "") -> str:
    """A sound with its button, and what the listener rates it with."""
    file = io.BytesIO()
    # Lossless; the sound stands in the page itself, so that the page works anywhere.
    soundfile.write(file, signal, sample_rate, format="FLAC", subtype="PCM_16")
    source = f"data:audio/flac;base64,{base64.b64encode(file.getvalue()).decode()}"
    name = label if len(label) > 1 else "play"
    return (
        f'<div class="sound"><button class="play"><kbd>{label[0]}</kbd> {name}</button>'
        f'<audio preload="auto" aria-label="{label}" src="{source}"></audio>{rating}</div>'
    )


def _slider(index: int, letter: str) -> str:
    return (
        f'<input type="range" min="0" max="100" value="50" data-index="{index}" '
        f'aria-label="rating of {letter}"><output>-</output>'
    )
