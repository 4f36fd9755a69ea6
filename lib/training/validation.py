"""How a generator does on the validation pairs while it trains: loss terms, scores, and what can be heard and seen of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from lib.audio import files, levels
from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest
from lib.figures import spectrograms
from lib.losses.adversarial import adversarial_loss, discriminator_loss, feature_matching
from lib.losses.reconstruction import ReconstructionLoss
from lib.losses.terms import band_limit
from lib.metrics import registry, stats
from lib.metrics.batch import score_all
from lib.models.discriminators import mean_score
from lib.models.generator import restore_aligned
from lib.runtime.progress import progress
from lib.training.batches import lengths_and_bandwidths

SCORES = (*registry.SELECTION, "si_sdr_db")


class Validation:
    """Scores a generator on whole validation utterances, each seen once, in eval mode, without any update.

    Calling it returns one record: `valid/<loss term>` (the GAN's too, before it starts as well), `valid/<score>` and
    `valid/gap_closed` on at most `n_valid_scored` fixed items, `valid/clean_above_enhanced` (the share of pairs in which
    the discriminators score clean above enhanced), `valid/score_<signal>` (what they give it: 1 is clean, 0 restored in
    training). `restored` keeps the last output of the items `logged`, by id.
    """

    def __init__(self, p, rows: pd.DataFrame, device: str):
        self.p, self.rows, self.device = p, list(rows.itertuples(index=False)), device
        self.compare = ReconstructionLoss(high_band_weight=p.high_band_weight).to(device)
        self.logged = self.rows[: p.n_samples_logged]
        self.scored = set(rows.id.sample(min(p.n_valid_scored, len(rows)), random_state=0))
        self.restored: dict[str, np.ndarray] = {}
        self.enhanced_scores: list[dict] | None = None

    @torch.no_grad()
    def __call__(self, generator: nn.Module, discriminators: nn.Module, epoch: int) -> dict:
        discriminators.eval()  # the generator is the average, which always is
        seen, enhanced_jobs, restored_jobs = [], [], []
        for row in progress(self.rows, f"validation {epoch}/{self.p.epochs}"):
            whole = manifest.load_pair(self.p.corpus, row)
            signals = (
                torch.from_numpy(whole[name])[None, None] for name in ("enhanced", "noisy", "clean")
            )
            enhanced, noisy, clean = (signal.to(self.device) for signal in signals)
            n_samples, bandwidth_hz = lengths_and_bandwidths([row._asdict()], self.device)
            inputs = torch.cat([enhanced, noisy], dim=1) if self.p.condition_on_noisy else enhanced
            out = restore_aligned(generator, inputs)
            mine = out[0, 0].cpu().numpy()
            if row in self.logged:
                self.restored[row.id] = mine
            if row.id in self.scored:
                restored_jobs.append((mine, whole["clean"], row.bandwidth_hz))
                enhanced_jobs.append((whole["enhanced"], whole["clean"], row.bandwidth_hz))

            restored, enhanced, clean = (
                band_limit(x, bandwidth_hz) for x in (out, enhanced, clean)
            )
            scores_clean, maps_clean = discriminators(clean)
            scores_restored, maps_restored = discriminators(restored)
            scores_enhanced, _ = discriminators(enhanced)
            on_clean, on_restored, on_enhanced = map(
                mean_score, (scores_clean, scores_restored, scores_enhanced)
            )
            seen.append(self.compare(restored, clean, n_samples, bandwidth_hz) | {
                "adversarial": adversarial_loss(scores_restored),
                "features": feature_matching(maps_restored, maps_clean),
                "discriminator": discriminator_loss(scores_clean, scores_restored),
                "clean_above_enhanced": (on_clean > on_enhanced).float().mean(),
                "clean_above_restored": (on_clean > on_restored).float().mean(),
                "score_clean": on_clean.mean(), "score_restored": on_restored.mean(), "score_enhanced": on_enhanced.mean(),
            })  # fmt: skip
        discriminators.train()

        n_processes = 2 if len(restored_jobs) > 4 else 1
        if self.enhanced_scores is None:
            self.enhanced_scores = score_all(enhanced_jobs, SAMPLE_RATE, n_processes, SCORES)
        scores = score_all(restored_jobs, SAMPLE_RATE, n_processes, SCORES)
        ours, before = pd.DataFrame(scores), pd.DataFrame(self.enhanced_scores)
        ideal = {name: np.full(len(ours), registry.BEST[name]) for name in registry.SELECTION}
        gaps = {
            name: stats.gap_closed(ours[name], before[name], ideal[name])
            for name in registry.SELECTION
        }
        means = pd.DataFrame(
            [{name: float(term) for name, term in terms.items()} for terms in seen]
        ).mean()
        record = {"epoch": epoch} | {f"valid/{name}": float(mean) for name, mean in means.items()}
        record |= {f"valid/{name}": float(ours[name].mean()) for name in SCORES}
        record |= {f"valid/gap_closed_{name}": gap for name, gap in gaps.items()}
        return record | {"valid/gap_closed": float(np.mean(list(gaps.values())))}


def log_samples(p, judge: Validation, epoch: int, out: Path, run) -> None:
    """Audio and spectrograms of the first validation items, to hear and see a run while it trains."""
    for row in judge.logged:
        signals = levels.within_full_scale(
            manifest.load_pair(p.corpus, row) | {"restored": judge.restored[row.id]}
        )
        where = f"samples/{row.id}"
        if epoch == 0:
            for name in manifest.SIGNALS:
                run.file(manifest.corpus_folder(p.corpus) / getattr(row, name), f"{where}/{name}")
            continue
        run.file(
            files.write(out / f"restored_{epoch:03d}.flac", signals["restored"], SAMPLE_RATE), where
        )
        order = {name: signals[name] for name in ("noisy", "enhanced", "restored", "clean")}
        figure = spectrograms.spectrograms(
            order, SAMPLE_RATE, f"{row.id}, epoch {epoch}", row.bandwidth_hz
        )
        figure.savefig(out / f"spectrograms_{epoch:03d}.png", dpi=100)
        run.file(out / f"spectrograms_{epoch:03d}.png", where)
