"""How a generator does on the validation pairs while it trains: loss terms and scores."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lib.audio.files import SAMPLE_RATE
from lib.config.train import Train
from lib.corpus import manifest
from lib.losses.adversarial import adversarial_loss, discriminator_loss, feature_matching
from lib.losses.reconstruction import TERMS, ReconstructionLoss
from lib.losses.target import training_target
from lib.losses.terms import band_limit
from lib.metrics import registry, stats
from lib.metrics.batch import Job, score_all
from lib.models.discriminators import mean_score
from lib.models.generator import restore_aligned
from lib.runtime.progress import progress
from lib.training.batches import lengths_and_bandwidths

# The judges, and what is only reported.
SCORES = (*registry.SELECTION, "pause_level_db", "lsd_db", "mcd_db", "pesq", "si_sdr_db")
HARM = -0.05  # gain, in standard deviations of enhanced's scores, below which a judge hears harm
MAX_SCORED_ALONE = 4  # up to so many items, starting processes takes longer than scoring


class Validation:
    """Validates a generator on a few whole utterances, the same in every epoch, without any update.

    Args:
        p: parameters of the training.
        rows: usable manifest rows of the split `valid`; `p.n_valid_scored` of them are drawn, none
            of noise alone: judges of speech say nothing about it.
        device: of the generator and the discriminators.
        n_processes: for the scores.

    Attributes:
        logged: the rows whose restored signals are kept.
        restored: the latest restored signal of each of them, `[T]` by id.
    """

    def __init__(self, p: Train, rows: pd.DataFrame, device: str, n_processes: int = 2):
        self.p = p
        self.device = device
        self.n_processes = n_processes
        self.judges = judges(p)
        # DNSMOS' network takes longer than all other terms.
        names = [n for n in TERMS if "dnsmos" not in n or getattr(p, f"lambda_{n}")]
        self.compare = ReconstructionLoss(names, p.high_band_weight, p.pesq_forgives).to(device)
        self.logged = list(rows.head(p.n_samples_logged).itertuples(index=False))
        spoken = manifest.with_speech(rows)
        drawn = spoken if len(spoken) else rows
        self.scored = set(evenly_drawn(drawn, p.n_valid_scored).id)
        needed = self.scored | {row.id for row in self.logged}
        self.rows = list(rows[rows.id.isin(needed)].itertuples(index=False))
        self.restored: dict[str, np.ndarray] = {}
        self.enhanced_scores: pd.DataFrame | None = None  # the same in every epoch

    @torch.no_grad()
    def __call__(self, generator: nn.Module, discriminators: nn.Module, epoch: int) -> dict:
        """One record of an epoch; all means are over the drawn items.

        - `valid/loss_<term>`: means of the loss terms, those of the GAN before it starts, too.
        - `valid/<score>`: means of the scores.
        - `valid/gain_<judge>` and `valid/selection`, which selects `best.pt`: see `selection`.
        - `valid/score_<signal>`: what the discriminators give to clean, restored and enhanced.
          They are trained to give clean 1 and restored 0.
        - `valid/clean_above_<signal>`: share of pairs in which they give clean more.
        """
        logged = {row.id for row in self.logged}
        discriminators.eval()  # the averaged generator always is
        measured, restored_jobs, enhanced_jobs = [], [], []
        for row in progress(self.rows, f"validation {epoch}/{self.p.epochs}"):
            pair = manifest.load_pair(self.p.corpus, row)
            output = self._restore(generator, pair)
            restored = output[0, 0].cpu().numpy()
            if row.id in logged:
                self.restored[row.id] = restored
            if row.id in self.scored:
                measured.append(self._measure(output, pair, row, discriminators))
                restored_jobs.append((restored, pair["clean"], row.bandwidth_hz))
                enhanced_jobs.append((pair["enhanced"], pair["clean"], row.bandwidth_hz))
        discriminators.train()

        if self.enhanced_scores is None:
            # Trainings on the same pairs share them.
            self.enhanced_scores = self._scores(enhanced_jobs, use_cache=True)
        scores = self._scores(restored_jobs)
        means = pd.DataFrame(measured).mean()
        record = {"epoch": epoch} | {f"valid/{name}": float(mean) for name, mean in means.items()}
        record |= {f"valid/{name}": float(scores[name].mean()) for name in SCORES}
        return record | selection(scores, self.enhanced_scores, self.judges)

    def _restore(self, generator: nn.Module, pair: dict[str, np.ndarray]) -> Tensor:
        """The restored utterance `[1, 1, T]`, without the generator's delay."""
        inputs = self._tensor(pair["enhanced"])
        if self.p.condition_on_noisy:
            inputs = torch.cat([inputs, self._tensor(pair["noisy"])], dim=1)
        return restore_aligned(generator, inputs)

    def _measure(
        self, output: Tensor, pair: dict[str, np.ndarray], row, discriminators: nn.Module
    ) -> dict[str, float]:
        """Loss terms of an item, and what the discriminators make of its signals.

        They hear a segment from its middle, as long as those that they are trained with: they are
        slow, and a validation has to be cheap beside an epoch.
        """
        n_samples, bandwidth_hz = lengths_and_bandwidths([row._asdict()], self.device)
        restored = band_limit(output, bandwidth_hz)
        clean = band_limit(self._tensor(pair["clean"]), bandwidth_hz)
        enhanced = band_limit(self._tensor(pair["enhanced"]), bandwidth_hz)
        target = training_target(clean, enhanced, self.p.target)
        losses = self.compare(restored, target, enhanced, n_samples, bandwidth_hz)

        start = max(0, (restored.shape[-1] - self.p.segment_length) // 2)
        middle = slice(start, start + self.p.segment_length)
        gan_losses, verdicts = discriminate(
            discriminators, restored[..., middle], enhanced[..., middle], target[..., middle]
        )
        values = {f"loss_{name}": loss for name, loss in (losses | gan_losses).items()} | verdicts
        return {name: float(value) for name, value in values.items()}

    def _scores(self, jobs: list[Job], use_cache: bool = False) -> pd.DataFrame:
        n_processes = self.n_processes if len(jobs) > MAX_SCORED_ALONE else 1
        scores = score_all(jobs, SAMPLE_RATE, n_processes, SCORES, use_cache=use_cache)
        return pd.DataFrame(scores)

    def _tensor(self, signal: np.ndarray) -> Tensor:
        # A copy lies where PyTorch wants it: the last bit of a transform may depend on the place.
        return torch.tensor(signal, device=self.device)[None, None]


def evenly_drawn(rows: pd.DataFrame, n: int) -> pd.DataFrame:
    """`n` rows of a manifest, or all of fewer, at random and as many of each speaker as can be.

    Neighbours in a manifest are the same utterance in other noise, and one of the speakers may have
    most of it.

    >>> rows = pd.DataFrame({"speaker": ["a"] * 8 + ["b"] * 2, "id": range(10)})
    >>> evenly_drawn(rows, 4).speaker.value_counts().to_dict()
    {'a': 2, 'b': 2}
    """
    shuffled = rows.sample(frac=1, random_state=0)
    turns = shuffled.groupby("speaker", sort=False, dropna=False).cumcount()
    return shuffled.loc[turns.sort_values(kind="stable").index].head(n)


def discriminate(
    discriminators: nn.Module, restored: Tensor, enhanced: Tensor, clean: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The GAN's losses of a batch, and how the discriminators tell the signals apart.

    Shape:
        - restored, enhanced, clean: `[B, 1, T]`; all values: scalars
    """
    clean_scores, clean_maps = discriminators(clean, enhanced)
    restored_scores, restored_maps = discriminators(restored, enhanced)
    enhanced_scores, _ = discriminators(enhanced, enhanced)
    losses = {
        "adversarial": adversarial_loss(restored_scores),
        "features": feature_matching(restored_maps, clean_maps),
        "discriminator": discriminator_loss(clean_scores, restored_scores),
    }
    clean_mean, restored_mean, enhanced_mean = map(
        mean_score, (clean_scores, restored_scores, enhanced_scores)
    )
    verdicts = {
        "clean_above_enhanced": (clean_mean > enhanced_mean).float().mean(),
        "clean_above_restored": (clean_mean > restored_mean).float().mean(),
        "score_clean": clean_mean.mean(),
        "score_restored": restored_mean.mean(),
        "score_enhanced": enhanced_mean.mean(),
    }
    return losses, verdicts


def judges(p: Train) -> list[str]:
    """The scores that choose the best epoch of a training: no loss term of it is among them.

    A generator that is trained to please a judge pleases it, whatever it sounds like.

    >>> judges(Train())
    ['distillmos', 'visqol', 'speaker_similarity']
    """
    return [name for name in registry.SELECTION if not getattr(p, f"lambda_{name}", 0.0)]


def selection(
    restored: pd.DataFrame, enhanced: pd.DataFrame, names: Sequence[str] = registry.SELECTION
) -> dict[str, float]:
    """By what `best.pt` is chosen: the mean of the judges' standardised gains, and each of them.

    A gain is that of restored over enhanced, see `stats.standardised_gain`. If a judge's gain is
    below -0.05, the lowest gain of all judges alone counts: no judge pays for the harm that another
    one hears. A judge without a finite gain is left out; without any, `valid/selection` is NaN.

    Args:
        restored, enhanced: scores, a row for each item and a column for each of `names`.
        names: the judges.

    >>> enhanced = pd.DataFrame({"distillmos": [2.0, 3.0, 4.0], "visqol": [3.5, np.nan, np.nan]})
    >>> selection(enhanced + 0.5, enhanced, ["distillmos", "visqol"])
    {'valid/gain_distillmos': 0.5, 'valid/gain_visqol': nan, 'valid/selection': 0.5}
    >>> enhanced = pd.DataFrame({"distillmos": [2.0, 3.0, 4.0], "visqol": [2.0, 3.0, 4.0]})
    >>> worse = selection(enhanced + [2.0, -0.5], enhanced, ["distillmos", "visqol"])
    >>> worse["valid/gain_distillmos"], worse["valid/selection"]
    (2.0, -0.5)
    """
    gains = {
        name: stats.standardised_gain(restored[name], enhanced[name], registry.SIGN[name])
        for name in names
    }
    finite = [gain for gain in gains.values() if np.isfinite(gain)]
    record = {f"valid/gain_{name}": gain for name, gain in gains.items()}
    lowest = min(finite, default=np.nan)
    value = float(np.mean(finite)) if lowest >= HARM else lowest
    return record | {"valid/selection": value}
