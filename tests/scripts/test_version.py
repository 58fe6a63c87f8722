"""The version stands in pyproject.toml; whatever else tells one tells the same."""

import re

import yaml

from scripts import chart


def test_the_chart_has_the_version_of_the_project() -> None:
    about = yaml.safe_load(chart.CHART_FILE.read_text())

    assert (about["version"], about["appVersion"]) == (chart.version(), chart.version())


def test_the_image_tells_no_other_version() -> None:
    """It may tell one that it is given while it is built."""
    text = (chart.ROOT / "Dockerfile").read_text()
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)", text, re.MULTILINE))
    told = re.findall(r"org\.opencontainers\.image\.version=[\"']?([^\"'\s\\]+)", text)

    assert told == ["${VERSION}"]
    assert defaults["VERSION"] in {"unreleased", chart.version()}


def test_the_page_about_kubernetes_names_images_of_this_version() -> None:
    page = (chart.ROOT / "docs" / "kubernetes.md").read_text()

    assert set(re.findall(r":(\d+\.\d+\.\d+)-[cg]pu", page)) == {chart.version()}
