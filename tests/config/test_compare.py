"""Parameters of `compare`."""

from refusals import refusal

from lib.config.base import build
from lib.config.compare import Compare


def test_ids_of_digits_stay_text_and_an_interval_has_100_resamples_at_least():
    assert build(Compare, {"runs": "[12345678, latest]"}).runs == ["12345678", "latest"]
    assert "greater than or equal to 100" in refusal(Compare, n_bootstrap=99)[0]
