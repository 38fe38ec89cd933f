"""The page on metrics, the alerts and the catalogue speak of the same numbers."""

import re
from pathlib import Path
from typing import get_args

import yaml

from shared.metrics import catalog
from shared.metrics.metric import DECLARED, Counter, Histogram

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text()
ALERTS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
METRIC = re.compile(r"\bchatmail_\w+")


def test_every_number_stands_on_the_page_and_no_other() -> None:
    rows = re.findall(r"^\| `(chatmail_\w+)` \| (.*?) \|", PAGE, re.MULTILINE)
    assert {name for name, _ in rows} == {metric.name for metric in DECLARED}
    labels = dict(rows)
    for metric in DECLARED:
        if isinstance(metric, Counter) and metric is not catalog.REFUSALS and metric.label:
            assert labels[metric.name] == f"`{metric.label}`: {', '.join(metric.total())}"
        assert isinstance(metric, Histogram) == (labels[metric.name] == "histogram")


def test_every_reason_stands_on_the_page() -> None:
    assert [word for word in get_args(catalog.Reason) if f"`{word}`" not in PAGE] == []


def test_alerts_speak_of_numbers_there_are() -> None:
    known = {metric.name for metric in DECLARED}
    known |= {f"{metric.name}_bucket" for metric in DECLARED if isinstance(metric, Histogram)}
    used = {name for rule in RULES for name in METRIC.findall(rule["expr"])}
    assert used
    assert used - known == set()


def test_alerts_compare_labels_with_words_there_are() -> None:
    words = {word for metric in DECLARED if isinstance(metric, Counter) for word in metric.total()} | {"chatmail"}
    assert {word for rule in RULES for word in re.findall(r'="(\w+)"', rule["expr"])} - words == set()


def test_every_alert_says_what_is_wrong() -> None:
    assert len(RULES) == 5
    assert all(rule["annotations"]["summary"] and rule["for"] for rule in RULES)
