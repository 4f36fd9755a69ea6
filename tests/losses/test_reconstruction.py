"""All loss terms together: their gradients, and what must not be counted in them."""

import pytest
import torch
from losses.given import FULL_BAND, impulse, noise, tone, whole_length

from lib.losses.reconstruction import TERMS, ReconstructionLoss
from lib.losses.terms import band_limit


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize(
    "make", [torch.zeros_like, torch.ones_like, lambda x: x, lambda x: -x, impulse]
)
@pytest.mark.parametrize(
    "clean",
    [tone(1_000), 0 * tone(1_000), impulse(tone(1_000))],
    ids=["tone", "silence", "impulse"],
)
def test_silence_full_scale_impulses_and_identical_signals_have_finite_gradients(name, make, clean):
    restored = make(clean).clone().requires_grad_()
    loss = ReconstructionLoss((name,))(restored, clean, clean, whole_length(clean), FULL_BAND)
    loss[name].backward()
    assert torch.isfinite(restored.grad).all()


def test_over_attenuation_counts_what_is_missing_and_not_what_is_too_much():
    clean, loss = noise(0.3), ReconstructionLoss(("over_attenuation",))
    missing, too_much = (
        loss(gain * clean, clean, clean, whole_length(clean), FULL_BAND)["over_attenuation"].item()
        for gain in (0.5, 2.0)
    )
    assert missing == pytest.approx(6.02, abs=0.05) and too_much == 0


def test_the_mel_term_is_a_distance_of_levels_in_db():
    clean = noise(0.3)
    loss = ReconstructionLoss(("mel",))(0.25 * clean, clean, clean, whole_length(clean), FULL_BAND)
    assert loss["mel"].item() == pytest.approx(12.04, abs=0.05)


def test_an_unknown_term_is_an_error_that_lists_all_terms():
    with pytest.raises(KeyError, match=r"no loss term .*spektral.* the terms are l1, spectral"):
        ReconstructionLoss(("l1", "spektral"))


def test_padding_is_not_counted():
    clean = tone(1_000, n_samples=24_000)
    louder = clean / 2
    signals = louder, clean, clean / 4
    padded = [torch.nn.functional.pad(x, (0, 24_000)) for x in signals]
    n_samples, loss = torch.tensor([24_000]), ReconstructionLoss()
    short, long = loss(*signals, n_samples, FULL_BAND), loss(*padded, n_samples, FULL_BAND)
    assert long["l1"].item() == pytest.approx(short["l1"].item())
    for name in TERMS:
        assert long[name].item() == pytest.approx(short[name].item(), rel=0.02), name


def test_the_batch_is_the_mean_of_its_items():
    generator = torch.Generator().manual_seed(0)
    signals = [torch.randn(3, 1, 9_600, generator=generator) for _ in range(3)]
    given = *signals, torch.tensor([9_600, 4_800, 7_000]), torch.tensor([24e3, 8e3, 11_025])
    loss = ReconstructionLoss(high_band_weight=2.0)
    items = [loss(*(values[i : i + 1] for values in given)) for i in range(3)]
    for name, value in loss(*given).items():
        torch.testing.assert_close(value, torch.stack([item[name] for item in items]).mean())


def test_no_term_counts_what_lies_above_the_bandwidth_or_behind_the_end():
    clean, limit, n_samples = tone(1_000), torch.tensor([8_000.0]), torch.tensor([24_000])
    loss = ReconstructionLoss(tuple(set(TERMS) - {"l1", "pesq", "dnsmos"}))
    above = band_limit(clean + tone(15_000), limit)
    below = band_limit(clean, limit)
    values = loss(above, below, below, whole_length(clean), limit).values()
    assert all(value < 0.01 for value in values)
    behind = clean.clone()
    behind[..., 26_000:] = 0.9
    loss = ReconstructionLoss(tuple(set(TERMS) - {"dnsmos"}))
    values = loss(behind, clean, clean, n_samples, FULL_BAND).values()
    assert all(value < 1e-4 for value in values)


def test_faint_bins_and_pauses_do_not_count_in_the_dominant_term():
    """A hiss 66 dB down is added, and the tone's level is halved: the term sees the half alone."""
    clean = tone(1_000)
    # Without clicks, whose highs would be dominant bins.
    clean[..., 24_000:] = 0
    clean[..., :24_000] *= torch.hann_window(24_000)
    hiss = 5e-4 * noise(1.0)
    loss = ReconstructionLoss(("dominant",))
    values = [
        loss(restored, clean, clean, whole_length(clean), FULL_BAND)["dominant"].item()
        for restored in (clean + hiss, clean / 2)
    ]
    assert values[0] < 0.2 and values[1] == pytest.approx(6.02, abs=0.05)


def test_overshoot_counts_what_is_louder_than_both_clean_and_enhanced():
    clean, loss = noise(0.03), ReconstructionLoss(("overshoot",))
    cases = [(2.0, 1.0, 6.02), (2.0, 2.0, 0.0), (0.5, 0.25, 0.0), (4.0, 2.0, 6.02)]
    for restored, enhanced, expected in cases:
        signals = restored * clean, clean, enhanced * clean
        value = loss(*signals, whole_length(clean), FULL_BAND)["overshoot"].item()
        assert value == pytest.approx(expected, abs=0.05), (restored, enhanced)
