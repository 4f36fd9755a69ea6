"""Score tables and pairs that the tests of `lib.evaluation` share."""

from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import numpy as np
import pandas as pd
from signals import RATE, voiced, write

from lib import RUNS


def score_table(metric: str, **systems: list[float]) -> pd.DataFrame:
    """A score table made by hand: for each system a list of values, one for each item."""
    rows = [
        {"item_id": f"item {i}", "system": system, metric: value}
        for system, values in systems.items()
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(snr_db=5.0, speaker="a", noise="b")


def noisy_items(n: int, seconds: float = 1.0) -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
    """Rows and signals of `n` items: noisy at an SI-SDR of 0 dB, enhanced 20, restored 40 dB."""
    rng = np.random.default_rng(0)
    for i in range(n):
        clean = 0.1 * rng.standard_normal(round(seconds * RATE)).astype(np.float32)
        hiss = rng.standard_normal(len(clean)).astype(np.float32)
        hiss -= clean * (hiss @ clean) / (clean @ clean)
        hiss *= np.linalg.norm(clean) / np.linalg.norm(hiss)
        row = {"item_id": f"<item> & {i}", "snr_db": 0.0, "speaker": "ann", "noise": "hiss"}
        signals = {
            "noisy": clean + hiss,
            "enhanced": clean + hiss / 10,
            "restored": clean + hiss / 100,
            "clean": clean,
        }
        yield row | {"bandwidth_hz": 24_000.0}, signals


def write_corpus(
    name: str, n: int, enhanced: Callable[[np.ndarray, np.ndarray], np.ndarray], **columns: list
) -> pd.DataFrame:
    """Write `n` pairs of 2 s with noise 10 dB below clean, and return their manifest rows.

    `enhanced(clean, noise)` makes the third signal of each pair.
    """
    rows = []
    for i in range(n):
        clean = 4.0 * voiced(2.0, seed=i)
        noise = np.random.default_rng(i).standard_normal(2 * RATE)
        noise *= 10 ** (-10 / 20) * np.std(clean) / np.std(noise)
        signals = {"clean": clean, "noisy": clean + noise, "enhanced": enhanced(clean, noise)}
        row = {"id": str(i), "bandwidth_hz": 24_000.0}
        for kind, signal in signals.items():
            row[kind] = f"{kind}_{i}.wav"
            write(RUNS / "pairs" / name / row[kind], signal, subtype="FLOAT")
        rows.append(row | {column: values[i] for column, values in columns.items()})
    return pd.DataFrame(rows)


class Page(HTMLParser):
    """The tags of a page with their attributes, its visible text, and how its tags nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data
