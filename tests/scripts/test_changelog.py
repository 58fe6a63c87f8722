import re

from scripts import chart

LOG = (chart.ROOT / "CHANGELOG.md").read_text()
SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def test_what_is_not_released_comes_first_and_then_the_newest_version() -> None:
    heads = re.findall(r"^## (.*)$", LOG, re.MULTILINE)
    released = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d", head) for head in heads[1:]]

    assert heads[0] == "[Unreleased]"
    assert all(released), heads
    numbers = [tuple(map(int, each.groups())) for each in released if each]
    assert numbers == sorted(numbers, reverse=True)
    # The project's version is the last released one, or the first that is not.
    assert not numbers or numbers[0] <= tuple(map(int, chart.version().split(".")))


def test_every_version_has_only_the_usual_sections_and_each_once() -> None:
    for version in re.split(r"^## ", LOG, flags=re.MULTILINE)[1:]:
        sections = re.findall(r"^### (.*)$", version, re.MULTILINE)
        assert sections == [name for name in SECTIONS if name in sections]
