"""Vetoes: what a restorer must not do, whatever it gains elsewhere.

Four questions about restored beside enhanced, which the mean of a score does not answer: are the
pauses louder, is the voice coloured, are words or the speaker lost, are many items made worse? A
run that meets a veto is marked in MLflow; nothing is refused.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from lib.evaluation import summary, timbre
from lib.metrics import labels, registry, stats
from lib.tracking import store
from lib.tracking.links import NOTE
from lib.tracking.run import MAX_TAG_LENGTH

MAX_PAUSE_RISE_DB = 0.5  # of restored's pauses over enhanced's
MAX_COLOUR_DB = 0.5  # that a band may be farther from clean than enhanced's
MAX_WORSE_SHARE = 0.3  # of the items: with louder pauses, or worse by the judge below
JUDGE = "distillmos"
# Scores that must not be surely worse: what was said, and who said it.
KEPT = ("phone_error", "speaker_similarity")
TAG = "vetoes"


def vetoes(
    scores: pd.DataFrame, colours: pd.DataFrame, seed: int = 0, n_bootstrap: int = 2000
) -> list[str]:
    """The vetoes that restored meets, a sentence each; none if restored is enhanced.

    - Its pauses are louder than enhanced's by more than `MAX_PAUSE_RISE_DB`, on average or in more
      than `MAX_WORSE_SHARE` of the items.
    - An ERB band is farther from clean than enhanced's by more than `MAX_COLOUR_DB`; only bands
      count that `timbre.band_means` has.
    - A score of `KEPT` is surely worse: its whole 95 % interval lies on the worse side.
    - More than `MAX_WORSE_SHARE` of the items have a worse DistillMOS.

    Args:
        scores: a score table (see `lib.evaluation.summary`); what it lacks meets no veto.
        colours: a row for each item, system and band, as from `timbre.change`: columns
            `item_id system band hz change_db`.
        seed: of the bootstrap.
        n_bootstrap: resamples behind each interval.
    """
    found = [*_louder_pauses(scores), *_coloured(colours)]
    for name in KEPT:
        found += _surely_worse(scores, name, seed, n_bootstrap)
    return found + _many_worse(scores)


def vetoed_bands(colours: pd.DataFrame) -> pd.DataFrame:
    """The rows of `timbre.band_means` that meet the veto, the farthest first."""
    bands = timbre.band_means(colours)
    return bands[bands.farther_db > MAX_COLOUR_DB].sort_values("farther_db", ascending=False)


def as_text(found: Sequence[str]) -> str:
    """Vetoes for the terminal, a line each.

    >>> print(as_text(["pauses 3.6 dB louder than enhanced"]))
    1 veto
    - pauses 3.6 dB louder than enhanced
    """
    return "\n".join([headline(found), *(f"- {text}" for text in found)])


def headline(found: Sequence[str]) -> str:
    """How many vetoes there are.

    >>> headline([]), headline(["pauses", "phones"])
    ('no veto', '2 vetoes')
    """
    return f"{len(found) or 'no'} veto{'es' * (len(found) > 1)}"


def mark(run_ids: Iterable[str], found: Sequence[str], judged_on: str, n_items: int) -> None:
    """Mark MLflow runs with their vetoes, in the tag `vetoes` and in the note on their page.

    The tag holds the newest judgement. The note keeps a line for each set of pairs.

    Args:
        run_ids: the listening run, and the training run that it judged.
        found: from `vetoes`.
        judged_on: the pairs, e.g. corpus and split.
        n_items: number of the pairs.
    """
    words = "; ".join(found)
    tag = f"{len(found)}: {words}" if found else ""
    start = f"Vetoes on {judged_on}"
    line = f"{start} ({n_items} items): {headline(found)}{f' - {words}' if found else ''}."
    for run_id in run_ids:
        paragraphs = store.tags(run_id).get(NOTE, "").split("\n\n")
        # The same pairs were judged before: the new line takes the old one's place.
        kept = [text for text in paragraphs if text and not text.startswith(f"{start} (")]
        note = "\n\n".join([*kept, line])
        for name, value in ((TAG, tag), (NOTE, note)):
            store.client().set_tag(run_id, name, value[:MAX_TAG_LENGTH])


def shown(tags: dict[str, str]) -> str:
    """The vetoes of a run by its tags, as tables show them.

    >>> shown({"vetoes": "1: pauses"}), shown({"vetoes": ""}), shown({})
    ('1: pauses', 'no veto', 'not judged')
    """
    return (tags[TAG] or headline([])) if TAG in tags else "not judged"


def _louder_pauses(scores: pd.DataFrame) -> list[str]:
    rises_db = _differences(scores, "pause_level_db").dropna()
    if rises_db.mean() > MAX_PAUSE_RISE_DB:  # NaN where no item has a pause
        return [f"pauses {rises_db.mean():.1f} dB louder than enhanced"]
    # A few items with much quieter pauses must not hide many with louder ones.
    share = (rises_db > MAX_PAUSE_RISE_DB).mean()
    if share > MAX_WORSE_SHARE:
        percent = f"{100 * share:.0f} % of the items"
        return [f"pauses more than {MAX_PAUSE_RISE_DB} dB louder than enhanced in {percent}"]
    return []


def _coloured(colours: pd.DataFrame) -> list[str]:
    bands = vetoed_bands(colours)
    if bands.empty:
        return []
    worst = bands.iloc[0]
    text = (
        f"colour: {worst.restored_db:+.1f} dB re clean at {worst.hz:.0f} Hz"
        f" (enhanced {worst.enhanced_db:+.1f} dB)"
    )
    if others := [f"{hz:.0f}" for hz in sorted(bands.hz.iloc[1:])]:
        text += f", and too far from clean at {', '.join(others)} Hz"
    return [text]


def _surely_worse(scores: pd.DataFrame, name: str, seed: int, n_bootstrap: int) -> list[str]:
    differences = _differences(scores, name)
    low, high = stats.bootstrap_interval(differences, seed, n_bootstrap)
    sign = registry.SIGN[name]
    if not max(sign * low, sign * high) < 0:
        return []
    label = labels.label(name)
    numbers = [labels.number(x, name, "+") for x in (differences.mean(), low, high)]
    return [f"{label} surely worse: {numbers[0]} [{numbers[1]}, {numbers[2]}]"]


def _many_worse(scores: pd.DataFrame) -> list[str]:
    gains = registry.SIGN[JUDGE] * _differences(scores, JUDGE)
    share = (gains < 0).mean()
    if not share > MAX_WORSE_SHARE:
        return []
    return [f"{labels.label(JUDGE)} worse in {100 * share:.0f} % of the items"]


def _differences(scores: pd.DataFrame, metric: str) -> pd.Series:
    """restored - enhanced of the items that have both; none where the score was not computed."""
    if metric not in scores:
        return pd.Series(dtype=float)
    pairs = summary.paired(scores, metric)
    return pairs.restored - pairs.enhanced
