"""The fixture `kaolin`: tests that take it run on the test double, and on Kaolin where it imports."""

from collections.abc import Iterator
from types import ModuleType

import pytest
from support.kaolin_modules import real_kaolin, stand_in_kaolin


@pytest.fixture(params=["stand_in", "kaolin"])
def kaolin(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    if request.param == "kaolin":
        yield real_kaolin()
    else:
        with stand_in_kaolin() as module:
            yield module
