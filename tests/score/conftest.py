"""No test here looks into the real home."""

import pytest


@pytest.fixture(autouse=True)
def own_home(places):
    return places
