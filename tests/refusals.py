"""What a parameter model says of values that it refuses."""

import pytest

from lib.config.base import ParameterError, Parameters, build


def refusal(model: type[Parameters], **given) -> list[str]:
    """The lines of the error."""
    with pytest.raises(ParameterError) as caught:
        build(model, given)
    return str(caught.value).splitlines()
