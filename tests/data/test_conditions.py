"""Conditions have their shares, and a share changes no other number."""

from pathlib import Path

import numpy as np
import pytest
from signals import RATE, write

from lib.data.conditions import Conditions, Drawn, draw

ALL = Conditions(0.5, 0.5, (Path("a"), Path("b")), 2_400, 0.5, (4_000.0, 8_000.0), 0.5, 0.5, 0.5)


def drawn(conditions, n=400):
    return [draw(conditions, np.random.default_rng(seed)) for seed in range(n)]


def test_what_is_drawn_is_what_was_asked_for():
    items = drawn(ALL)
    assert not any(item.noise_alone or item.formant != 1 for item in items)
    for name in ("clean", "rir", "equaliser", "lowpass_hz", "clip_db", "codec"):
        share = np.mean([bool(getattr(item, name)) for item in items])
        assert share == pytest.approx(0.5, abs=0.1), name
    assert {item.rir for item in items} == {"", "a", "b"}
    assert {item.lowpass_hz for item in items} == {0.0, 4_000.0, 8_000.0}
    assert all(item.early == (2_400 if item.rir else 0) for item in items)
    assert all(1 <= item.clip_db <= 12 for item in items if item.clip_db)
    assert set(drawn(Conditions())) == {Drawn()}


def test_a_share_changes_nothing_but_itself():
    for before, after in zip(drawn(ALL), drawn(ALL._replace(p_clean=0.0, p_clip=1.0)), strict=True):
        assert not after.clean and after.clip_db
        assert before._replace(clean=False, clip_db=0.0) == after._replace(clip_db=0.0)


def test_noise_alone_meets_no_room_and_takes_no_clean_item_away():
    before, after = drawn(ALL), drawn(ALL._replace(p_noise_alone=0.25))
    assert np.mean([item.noise_alone for item in after]) == pytest.approx(0.25, abs=0.06)
    for old, new in zip(before, after, strict=True):
        assert new.clean == old.clean and not (new.clean and new.noise_alone)
        assert new == old._replace(noise_alone=True, rir="", early=0) or new == old


def test_formants_are_drawn_from_their_range_and_change_nothing_else():
    before, after = drawn(ALL), drawn(ALL._replace(formant_min=0.9, formant_max=1.1))
    factors = [item.formant for item in after]
    assert 0.9 <= min(factors) < 0.92 and 1.08 < max(factors) <= 1.1
    assert [item._replace(formant=1.0) for item in after] == before


def test_a_room_is_read_from_its_direct_path_on_with_its_bandwidth(tmp_path):
    rir = np.zeros(4_800)
    rir[[100, 600]] = 0.5, 0.1
    path = write(tmp_path / "room.wav", rir, subtype="FLOAT")
    room = Drawn(rir=str(path)).room()
    assert room[0] == 1 and room[500] == pytest.approx(0.2) and len(room) == 4_700
    assert Drawn().room() is None and Drawn().room_bandwidth_hz() == RATE / 2
