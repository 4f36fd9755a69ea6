"""Blind tests as one HTML page each: all sounds have one loudness, and the page names no system.

The key of a page is kept in `runs/blind`, see `blind_test.keep_key`. Each player has a file of its
own, as long as the others of its screen. The sound in it begins 0 to 10 ms late and has its own
dither (triangular, 1 LSB of 16 bits): X has not the bytes of A or B. Whoever decodes and subtracts
them can still tell, as on any page that plays them.
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
MAX_LATE_S = 0.01  # nobody hears when a sound began; the bytes of its file are others


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
    screens, rng = [], np.random.default_rng([seed, 3])
    for trial in blind_test.abx_order(list(items), systems, n_repeats, seed):
        signals = sounds[trial["item_id"]]
        files = _flac_files([signals[trial[x]] for x in "abx"], sample_rate, rng)
        players = [_player(file, x.upper()) for file, x in zip(files, "abx", strict=True)]
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
    screens, rng = [], np.random.default_rng([seed, 4])
    for screen in blind_test.rating_order(list(items), systems, seed):
        signals = sounds[screen["item_id"]]
        names = [REFERENCE, *screen["systems"]]
        reference, *files = _flac_files([signals[name] for name in names], sample_rate, rng)
        players = [_player(reference, "Reference")]
        for i, (letter, file) in enumerate(zip(ascii_uppercase, files, strict=False)):
            players.append(_player(file, letter, _slider(i, letter)))
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


def _flac_files(
    signals: Sequence[np.ndarray], sample_rate: int, rng: np.random.Generator
) -> list[bytes]:
    """Signals `[T]` as FLAC files, lossless but for their dither; all as long as the longest."""
    contents, max_late = [], round(MAX_LATE_S * sample_rate)
    for signal in signals:
        n_late = int(rng.integers(max_late + 1))
        late = np.pad(signal, (n_late, max_late - n_late))
        dither = rng.random(len(late)) - rng.random(len(late))
        samples = np.clip(np.round(late * 2**15 + dither), -(2**15), 2**15 - 1)
        file = io.BytesIO()
        soundfile.write(file, samples.astype(np.int16), sample_rate, format="FLAC")
        contents.append(bytearray(file.getvalue()))
    # The length would tell X. A block for an application, which players skip, fills the rest.
    longest = max(map(len, contents))
    files = []
    for content in contents:
        n_bytes = longest - len(content)
        is_last, content[4] = content[4] & 0x80, content[4] & 0x7F
        block = bytes([is_last | 2]) + (4 + n_bytes).to_bytes(3, "big") + b"fill"
        # Behind `fLaC` and the first block, 4 bytes and 38.
        files.append(bytes(content[:42]) + block + rng.bytes(n_bytes) + bytes(content[42:]))
    return files


def _player(file: bytes, label: str, rating: str = "") -> str:
    """A FLAC file with its button, and what the listener rates it with."""
    # The sound stands in the page itself, so that the page works anywhere.
    source = f"data:audio/flac;base64,{base64.b64encode(file).decode()}"
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
