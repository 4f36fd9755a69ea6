"""What each judge hears, as a Markdown table.

python tests/metrics/judges.py CORPUS [N_ITEMS] [N_SWEPT] scores N_ITEMS test pairs of a corpus,
and N_SWEPT clean recordings in their own noise at six SNRs and low-passed at seven frequencies.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import files, metadata
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats

from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest, mix
from lib.metrics import labels, registry

SNRS_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
CUTOFFS_HZ = (2000.0, 3000.0, 4000.0, 6000.0, 8000.0, 12_000.0, 16_000.0)
MONOTONE = 0.9  # Spearman's coefficient from which on a judge counts as monotone
STEP = 1e-3  # values that are equal after rounding to it are equal to a judge
N_FILES = 3  # of a wheel that are named
MIN_BYTES = 20_000  # of a file that may hold weights
CODE = (".py", ".pyc", ".pyi", ".so", ".pyx", ".c", ".h", ".cpp")
OURS = "ours"


class Judge(NamedTuple):
    """What is known of a judge without asking it; `folder` holds its weights in the package."""

    range: str
    hears: str
    clean: bool
    package: str = OURS
    folder: str = ""


ALONE = ("1 to 5", "to 8 kHz", False)
JUDGES = {
    "distillmos": Judge(*ALONE, "distillmos"),
    **dict.fromkeys(
        ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808"),
        Judge(*ALONE, "speechmos", "/dnsmos_models"),
    ),
    "visqol": Judge("1 to 4.73", "50 Hz to 15 kHz", True, "visqol-python"),
    "speaker_similarity": Judge("0 to 1", "to 8 kHz", True, "Resemblyzer"),
    "phone_error": Judge("0 to 1", "to 8 kHz", True, "pocketsphinx", "en-us"),
    "plcmos": Judge(*ALONE, "speechmos", "/plcmos_models"),
    "lsd_2k_4k_db": Judge("from 0", "2 to 4 kHz", True),
    "lsd_4k_8k_db": Judge("from 0", "4 to 8 kHz", True),
    "lsd_8k_16k_db": Judge("from 0", "8 to 16 kHz", True),
    "lsd_16k_24k_db": Judge("from 0", "16 to 24 kHz", True),
    "colour_db": Judge("from 0", "80 Hz to 24 kHz", True),
    "pesq": Judge("1.02 to 4.64", "50 Hz to 7 kHz", True, "pesq"),
}


def agreement(levels: Sequence[Sequence[float]], values: Sequence[Sequence[float]]) -> float:
    """The mean over items of Spearman's coefficient of an item's levels and values.

    Within an item nothing differs but the level. Items with fewer than three finite values, or
    with equal ones only, do not count; NaN where none is left.

    >>> agreement([[-5, 0, 5], [-5, 0, 5]], [[1.0, 2.0, 2.5], [3.0, 2.0, 1.0]])
    0.0
    """
    found = []
    for item_levels, item_values in zip(levels, values, strict=True):
        rounded = np.round(np.asarray(item_values, float) / STEP)
        finite = np.isfinite(rounded)
        if finite.sum() >= 3 and np.ptp(rounded[finite]):
            pair = np.asarray(item_levels, float)[finite], rounded[finite]
            found.append(scipy.stats.spearmanr(*pair).statistic)
    return float(np.mean(found)) if found else np.nan


def agreement_of_means(table: pd.DataFrame, name: str) -> float:
    """Spearman's coefficient of the levels and the means of a score over all items.

    Args:
        table: columns item, level and the score's; only levels that all items have count.

    >>> table = pd.DataFrame({"item": [*"aaabbb"], "level": [1, 2, 3] * 2, "x": [1, 2, 3, 4, 2, 9]})
    >>> agreement_of_means(table, "x")
    0.5
    """
    wide = table.pivot(index="item", columns="level", values=name).dropna(axis="columns")
    means = wide.mean()
    return agreement([means.index], [means])


def at_snr(clean: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Clean at its own level in its noise, at another SNR."""
    gain = 10 ** ((mix.snr_db(clean, noise) - snr_db) / 20)
    return (clean + np.float32(gain) * noise).astype(np.float32)


def licence(package: str) -> str:
    """The licence of a package by its metadata."""
    about = metadata(package)
    classifiers = [x for x in about.get_all("Classifier", []) if x.startswith("License")]
    text = about.get("License-Expression") or (about.get("License") or "").strip()
    # Some packages put the whole text there, others nothing.
    if text in ("", "UNKNOWN") or "\n" in text:
        text = classifiers[-1].split(" :: ")[-1] if classifiers else text.splitlines()[0]
    return text


def weights(package: str, folder: str = "") -> list[tuple[str, int]]:
    """Name and bytes of the files of a package that may hold weights, the largest first."""
    found = [
        (PurePosixPath(path).name, path.locate().stat().st_size)
        for path in files(package) or []
        if folder in str(path) and path.suffix not in CODE and ".dist-info" not in str(path)
    ]
    return sorted((x for x in found if x[1] >= MIN_BYTES), key=lambda x: -x[1])


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table.

    >>> print(markdown(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def in_wheel(judge: Judge) -> str:
    """The largest files of a judge's package, and how many others there are."""
    if judge.package == OURS:
        return "no weights"
    found = weights(judge.package, judge.folder)
    short = [
        (name if len(name) < 30 else f"{name[:9]}...{name[-9:]}", size) for name, size in found
    ]
    named = [f"{name} {n_bytes / 1e6:.1f} MB" for name, n_bytes in short[:N_FILES]]
    more = f", {len(found) - N_FILES} more" if len(found) > N_FILES else ""
    return ", ".join(named) + more if named else "no weights"


class _Stopwatch:
    """Scores signals and adds up the processor seconds of each judge."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.n_signals = 0

    def __call__(self, estimate: np.ndarray, clean: np.ndarray, bandwidth_hz: float) -> dict:
        scores: dict[str, float] = {}
        for line in registry.SCORES:
            names = [name for name in line.names.split() if name in JUDGES]
            start = time.process_time()
            if names:
                scores |= registry.compute_scores(estimate, clean, SAMPLE_RATE, bandwidth_hz, names)
            for name in names:
                self.seconds[name] += time.process_time() - start
        self.n_signals += 1
        return scores


def main(corpus: str, n_items: int = 40, n_swept: int = 10) -> None:
    """Print the table of a corpus."""
    import torch

    torch.set_num_threads(1)
    rows = manifest.usable_rows(manifest.read(corpus), "test")
    noisy_rows = rows[rows.noise_path != ""]
    drawn = noisy_rows.sample(min(n_items, len(noisy_rows)), random_state=0)
    # Only in a mixture without room, low-pass, clipping and codec is noisy - clean the noise alone.
    faults = (rows.rir != "") | (rows.lowpass_hz > 0) | (rows.clip_db > 0) | (rows.codec != "")
    plain = rows[(rows.noise_path != "") & ~faults]
    swept = plain.sample(min(n_swept, len(plain)), random_state=0)

    watch, swept_scores = _Stopwatch(), []
    first = manifest.load_pair(corpus, drawn.iloc[0])
    watch(first["enhanced"], first["clean"], 24_000.0)  # networks are loaded and compiled
    for row in swept.itertuples(index=False):
        pair = manifest.load_pair(corpus, row)
        clean, noise = pair["clean"], pair["noisy"] - pair["clean"]
        cutoffs = [hz for hz in CUTOFFS_HZ if hz < row.bandwidth_hz]
        signals = [("snr", x, at_snr(clean, noise, x)) for x in SNRS_DB]
        signals += [("cutoff", x, mix.low_pass(clean, x).astype(np.float32)) for x in cutoffs]
        for kind, level, signal in signals:
            scores = watch(signal, clean, row.bandwidth_hz)
            swept_scores.append({"kind": kind, "item": row.id, "level": level} | scores)
        print(row.id, f"{row.n_samples / SAMPLE_RATE:.1f} s", file=sys.stderr, flush=True)
    watch, system_scores = _Stopwatch(), []
    for row in drawn.itertuples(index=False):
        pair = manifest.load_pair(corpus, row)
        # Each judge meets a new clean recording with the first system, so all its work is counted.
        for system in ("noisy", "enhanced", "clean"):
            scores = watch(pair[system], pair["clean"], row.bandwidth_hz)
            system_scores.append({"system": system} | scores)
        print(row.id, file=sys.stderr, flush=True)

    sweeps, means = pd.DataFrame(swept_scores), pd.DataFrame(system_scores).groupby("system").mean()
    print(f"{len(drawn)} items, {len(swept)} swept\n")
    heard, cost = [], []
    for name, judge in JUDGES.items():
        found, monotone = [], []
        for kind in ("snr", "cutoff"):
            part = sweeps[sweeps.kind == kind]
            items = [item for _, item in part.groupby("item")]
            within = agreement([item.level for item in items], [item[name] for item in items])
            for value in (within, agreement_of_means(part, name)):
                found.append(labels.number(registry.SIGN[name] * value, "", "+"))
            monotone.append("yes" if registry.SIGN[name] * within >= MONOTONE else "no")
        values = [labels.number(means[name][x], name) for x in ("noisy", "enhanced", "clean")]
        seconds = f"{watch.seconds[name] / watch.n_signals:.3f}"
        label, beside = labels.label(name), "yes" if judge.clean else "no"
        heard.append([label, judge.range, judge.hears, beside, *found, ", ".join(monotone)])
        cost.append([label, *values, seconds, judge.package])
    head = "judge|range|hears|beside clean|SNR|of means|low-pass|of means|monotone"
    print(markdown(head.split("|"), heard), "\n")
    print(markdown("judge|noisy|enhanced|clean|s|package".split("|"), cost), "\n")
    wheels = {
        (judge.package, judge.folder): judge for judge in JUDGES.values() if judge.package != OURS
    }
    lines = [[judge.package, licence(judge.package), in_wheel(judge)] for judge in wheels.values()]
    print(markdown(["package", "licence", "weights in its wheel"], lines))


if __name__ == "__main__":
    main(sys.argv[1], *(int(number) for number in sys.argv[2:]))
