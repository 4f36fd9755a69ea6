"""Loss terms in known cases, and what must not be counted in them."""

import pytest
import torch

from lib.losses.adversarial import adversarial_loss, discriminator_loss, feature_matching
from lib.losses.multi_resolution_stft import MultiResolutionSTFT
from lib.losses.reconstruction import TERMS, ReconstructionLoss
from lib.losses.terms import N_FFT, band_limit, l1, spectrum
from lib.losses.weighting import weighted_sum
from lib.models import spectral

RATE = 48_000
FULL = torch.tensor([24_000.0])


def tone(hz, amplitude=0.5, n_samples=RATE):
    return (
        amplitude
        * torch.sin(2 * torch.pi * hz * torch.arange(n_samples).double() / RATE).float()[None, None]
    )


def whole(x):
    return torch.tensor([x.shape[-1]] * x.shape[0])


def test_half_the_amplitude_is_6_02_db_where_there_is_signal():
    noise = 0.5 * torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0))
    loss = MultiResolutionSTFT()(noise / 2, noise, whole(noise), FULL)
    assert loss.item() == pytest.approx(6.02, abs=0.05)


def test_equal_signals_cost_nothing():
    x = tone(440)
    assert MultiResolutionSTFT()(x, x, whole(x), FULL) == 0
    assert l1(x, x, whole(x)) == 0


def impulse(x):
    return torch.zeros_like(x).index_fill(2, torch.tensor([1_000]), 1.0)


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize(
    "make", [torch.zeros_like, torch.ones_like, lambda x: x, lambda x: -x, impulse]
)
@pytest.mark.parametrize(
    "real", [tone(1_000), 0 * tone(1_000), impulse(tone(1_000))], ids=["tone", "silence", "impulse"]
)
def test_silence_full_scale_impulses_and_identical_signals_have_finite_gradients(name, make, real):
    restored = make(real).clone().requires_grad_()
    ReconstructionLoss((name,))(restored, real, whole(real), FULL)[name].backward()
    assert torch.isfinite(restored.grad).all()


def test_the_weight_of_the_highs_acts_on_the_highs_alone():
    noise = 0.01 * torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0))
    one, three = MultiResolutionSTFT(), MultiResolutionSTFT(high_band_weight=3.0)
    for hz, factor in ((500, 1.0), (8_000, 3.0)):
        wrong = noise + tone(hz, 0.2)
        ratio = three(wrong, noise, whole(noise), FULL) / one(wrong, noise, whole(noise), FULL)
        assert ratio.item() == pytest.approx(factor, rel=0.02)


def test_over_attenuation_counts_what_is_missing_and_not_what_is_too_much():
    noise = 0.3 * torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0))
    terms = ReconstructionLoss(("over_attenuation",))
    missing, too_much = (
        terms(gain * noise, noise, whole(noise), FULL)["over_attenuation"] for gain in (0.5, 2.0)
    )
    assert missing.item() == pytest.approx(6.02, abs=0.05) and too_much.item() == 0


def test_the_mel_term_is_a_distance_of_levels_in_db():
    noise = 0.3 * torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0))
    found = ReconstructionLoss(("mel",))(0.25 * noise, noise, whole(noise), FULL)["mel"]
    assert found.item() == pytest.approx(12.04, abs=0.05)


def test_the_complex_term_hears_the_phase_and_the_magnitude():
    x = tone(1_000)
    terms = ReconstructionLoss(("complex",))
    turned, halved = (terms(y, x, whole(x), FULL)["complex"].item() for y in (-x, x / 2))
    assert (
        turned > halved > 0
    )  # a turned polarity has the right magnitudes; |-z - z|^2 / 2 is at most 2 |z|^2
    z = spectrum(x, torch.hann_window(N_FFT))
    power = (z.real.square() + z.imag.square())[:, :-1].double()  # all bins below 24 kHz
    compressed = power * (power + 1e-12).pow(spectral.COMPRESSION - 1)
    assert turned == pytest.approx(2 * compressed.mean().item(), rel=1e-3)


def test_a_term_that_there_is_not_is_an_error():
    with pytest.raises(KeyError, match=r"no loss term .*spektral.* there are l1, spectral"):
        ReconstructionLoss(("l1", "spektral"))


def test_a_bin_that_was_emptied_still_pulls():
    clean, restored = (
        tone(1_000),
        tone(1_000, amplitude=1e-5).requires_grad_(),
    )  # -100 dB, below the floor
    MultiResolutionSTFT()(restored, clean, whole(clean), FULL).backward()
    assert restored.grad.abs().max() > 0
    assert (restored.grad * clean).sum() < 0  # the gradient asks for more of the tone


def test_what_lies_above_the_bandwidth_is_not_counted():
    clean, stft, limit = tone(1_000), MultiResolutionSTFT(), torch.tensor([11_025.0])
    same = band_limit(clean + tone(15_000), limit)
    assert stft(same, band_limit(clean, limit), whole(clean), limit) < 0.01
    inside = band_limit(clean + tone(8_000), limit)
    assert stft(inside, clean, whole(clean), limit) > 0.1
    assert stft(clean + tone(15_000), clean, whole(clean), FULL) > 0.1


def test_padding_is_not_counted():
    clean = tone(1_000, n_samples=24_000)
    louder = clean / 2
    padded = (
        torch.nn.functional.pad(clean, (0, 24_000)),
        torch.nn.functional.pad(louder, (0, 24_000)),
    )
    n = torch.tensor([24_000])
    assert l1(padded[1], padded[0], n) == pytest.approx(l1(louder, clean, n).item())
    terms = ReconstructionLoss()
    short, long = terms(louder, clean, n, FULL), terms(padded[1], padded[0], n, FULL)
    for name in TERMS:
        assert long[name].item() == pytest.approx(short[name].item(), rel=0.02), name


def test_the_batch_is_the_mean_of_its_items():
    generator = torch.Generator().manual_seed(0)
    clean, restored = (torch.randn(3, 1, 9_600, generator=generator) for _ in range(2))
    n, hz = torch.tensor([9_600, 4_800, 7_000]), torch.tensor([24_000.0, 8_000.0, 11_025.0])
    terms = ReconstructionLoss(high_band_weight=2.0)
    parts = [
        terms(restored[i : i + 1], clean[i : i + 1], n[i : i + 1], hz[i : i + 1]) for i in range(3)
    ]
    for name, whole_batch in terms(restored, clean, n, hz).items():
        torch.testing.assert_close(whole_batch, torch.stack([part[name] for part in parts]).mean())
    maps = [[torch.rand(3, 4, 5, generator=generator) for _ in range(2)] for _ in range(2)]
    single = [
        feature_matching([[m[i : i + 1] for m in maps[0]]], [[m[i : i + 1] for m in maps[1]]])
        for i in range(3)
    ]
    torch.testing.assert_close(feature_matching([maps[0]], [maps[1]]), torch.stack(single).mean())


def test_no_term_counts_what_lies_above_the_bandwidth_or_behind_the_end():
    clean, limit, n = tone(1_000), torch.tensor([8_000.0]), torch.tensor([24_000])
    terms = ReconstructionLoss(("spectral", "complex", "mel", "over_attenuation"))
    above = band_limit(clean + tone(15_000), limit)
    assert all(
        term < 0.01 for term in terms(above, band_limit(clean, limit), whole(clean), limit).values()
    )
    behind = clean.clone()
    behind[..., 26_000:] = 0.9
    assert all(term < 1e-4 for term in ReconstructionLoss()(behind, clean, n, FULL).values())


def test_least_squares_terms_in_closed_form():
    clean, restored = [torch.tensor([0.5, 0.5])], [torch.tensor([0.25, 0.25])]
    assert discriminator_loss(clean, restored).item() == pytest.approx(0.25 + 0.0625)
    assert adversarial_loss(restored).item() == pytest.approx(0.5625)
    maps = [[torch.full((2, 3), 2.0), torch.zeros(2)]]
    assert feature_matching(
        [[torch.full((2, 3), 3.0), torch.ones(2)]], maps
    ).item() == pytest.approx(0.5)


def test_real_maps_receive_no_gradient():
    real, ours = torch.ones(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    feature_matching([[ours, torch.zeros(2)]], [[real, torch.zeros(2)]]).backward()
    assert real.grad is None and ours.grad is not None


def test_a_misspelt_weight_is_an_error():
    with pytest.raises(KeyError, match="spektral"):
        weighted_sum({"spectral": torch.tensor(1.0)}, {"spektral": 1.0})


def test_unequal_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(1, 1, 100\).*\(1, 1, 99\)"):
        l1(torch.zeros(1, 1, 100), torch.zeros(1, 1, 99), torch.tensor([99]))
