"""The discriminators are real: they learn to hear what is missing, and their score is one number per item."""

import os
from pathlib import Path

import pytest
import torch
from signals import voiced

from lib.benchmarks import alignment
from lib.corpus import sources
from lib.losses.adversarial import discriminator_loss
from lib.models.discriminators import KINDS, Discriminators, mean_score, score_pair


def dulled(clean):
    """Clean speech with its highs taken down by a one-pole low-pass at about 4 kHz, as a suppressor may leave it."""
    spectrum = torch.fft.rfft(clean)
    hz = torch.linspace(0, 24_000, spectrum.shape[-1])
    return torch.fft.irfft(spectrum / torch.sqrt(1 + (hz / 4_000) ** 2), n=clean.shape[-1])


def batch(seeds):
    clean = torch.stack([torch.from_numpy(voiced(0.3, seed))[None] for seed in seeds])
    return clean / clean.square().mean(2, keepdim=True).sqrt()


@pytest.mark.parametrize("kinds", [("period",), ("scale",), ("stft",)])
def test_each_scores_clean_above_dulled_speech_in_at_least_80_percent_of_held_out_pairs(kinds):
    torch.manual_seed(0)
    discriminators = Discriminators(kinds, channels=8)
    adam = torch.optim.AdamW(discriminators.parameters(), 1e-3, betas=(0.8, 0.99))
    clean = batch(range(16))
    for step in range(60):
        part = clean[(step % 4) * 4 :][:4]
        loss = discriminator_loss(*score_pair(discriminators, part, dulled(part)))
        adam.zero_grad()
        loss.backward()
        adam.step()
    held_out = batch(range(100, 120))
    with torch.no_grad():
        right = mean_score(discriminators(held_out)[0]) > mean_score(
            discriminators(dulled(held_out))[0]
        )
    assert right.float().mean() >= 0.8


@pytest.fixture(scope="module")
def real():
    """Segments `(clean, enhanced)` of real speech, 200 to learn from and 60 of other utterances, at -5 to 15 dB."""
    if "RETIMBRE_AUDIO" not in os.environ:
        pytest.skip("RETIMBRE_AUDIO names no folder of real speech")
    root = Path(os.environ["RETIMBRE_AUDIO"])
    given = sources.Sources(root / "speech", root / "noise")
    pairs = alignment.lag_pairs(given, 130, [-5.0, 0.0, 5.0, 10.0, 15.0], seed=3, max_lag=0)[:130]
    found = []
    for part, n in ((pairs[:100], 200), (pairs[100:], 60)):
        cuts = [(pair, k) for pair in part for k in (0, 24_000)][:n]
        signals = [
            [torch.from_numpy(x[k : k + 24_000])[None] for x in (pair.reference, pair.estimate)]
            for pair, k in cuts
        ]
        found.append([torch.stack(each) for each in zip(*signals, strict=True)])
    return found


@pytest.mark.parametrize("kinds", [("period",), ("scale",), ("stft",)])
def test_on_real_pairs_each_scores_clean_above_enhanced_within_200_steps(kinds, real):
    torch.manual_seed(0)
    (clean, enhanced), (held_clean, held_enhanced) = real
    discriminators = Discriminators(kinds)
    adam = torch.optim.AdamW(discriminators.parameters(), 5e-4, betas=(0.8, 0.99))
    for step in range(200):
        part = torch.arange(8 * step, 8 * step + 8) % len(clean)
        loss = discriminator_loss(*score_pair(discriminators, clean[part], enhanced[part]))
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.no_grad():
        right = mean_score(discriminators(held_clean)[0]) > mean_score(
            discriminators(held_enhanced)[0]
        )
    assert right.float().mean() >= 0.8


@pytest.mark.parametrize("n_samples", [4_800, 4_801, 14_407])
def test_lengths_that_no_period_divides_are_taken(n_samples):
    scores, features = Discriminators(KINDS, channels=4)(torch.randn(3, 1, n_samples))
    assert [tuple(part.shape) for part in scores] == [(3,)] * 7
    assert all(torch.isfinite(maps).all() for part in features for maps in part)


def test_items_of_a_batch_do_not_hear_each_other():
    torch.manual_seed(0)
    discriminators, x = Discriminators(KINDS, channels=4), torch.randn(3, 1, 4_800)
    together = mean_score(discriminators(x)[0])
    alone = torch.cat([mean_score(discriminators(item[None])[0]) for item in x])
    torch.testing.assert_close(together, alone)


def test_one_batch_of_both_is_two_batches():
    torch.manual_seed(0)
    discriminators, clean, restored = (
        Discriminators(KINDS, channels=4),
        torch.randn(2, 1, 4_800),
        torch.randn(2, 1, 4_800),
    )
    together = score_pair(discriminators, clean, restored)
    for scores, alone in zip(
        together, (discriminators(clean)[0], discriminators(restored)[0]), strict=True
    ):
        torch.testing.assert_close(torch.stack(scores), torch.stack(alone))


def test_sizes_and_kinds_are_chosen_by_name():
    assert (
        len(Discriminators(KINDS, "gpu").parts) == 11 and len(Discriminators(("stft",)).parts) == 2
    )
    with pytest.raises(KeyError, match=r"no discriminator .*stft2.* there are period, scale, stft"):
        Discriminators(("stft2",))
