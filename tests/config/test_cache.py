from pathlib import Path

import pytest

from config.cache import cache_folder


def test_the_users_cache_folder_is_taken():
    assert cache_folder({"XDG_CACHE_HOME": "/somewhere"}) == Path("/somewhere/streamrank")


@pytest.mark.parametrize("environment", [{}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "not/absolute"}])
def test_without_one_it_is_in_the_home_folder(environment):
    assert cache_folder(environment) == Path.home() / ".cache" / "streamrank"
