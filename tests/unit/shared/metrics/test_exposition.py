"""What Prometheus reads."""

import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chatmail.services import SERVICES
from shared.metrics import catalog
from shared.metrics.exposition import Exposition
from shared.metrics.page import PAGE


def samples(service: str) -> dict[tuple[str, ...], float]:
    """Read the exposition as Prometheus does: name and label values to value."""
    text = Exposition(service).write().decode()
    return {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name != "service")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_gauges_and_histograms_are_told() -> None:
    catalog.REFUSALS.count("cleartext")
    catalog.CONNECTIONS.set(4.0)
    catalog.COMMITS.observe(0.002)
    found = samples("submission")
    assert found["chatmail_refusals_total", "cleartext"] == 1.0
    assert found["chatmail_refusals_total", "pace"] == 0.0, "what never happened can be seen not to have"
    assert found["chatmail_connections",] == 4.0
    assert found["chatmail_commit_seconds_bucket", "0.0025"] == 1.0
    assert found["chatmail_commit_seconds_count",] == 1.0
    assert found["chatmail_commit_seconds_sum",] == pytest.approx(0.002)


def test_every_line_says_whose_it_is() -> None:
    text = Exposition("imap").write().decode()
    assert all('service="imap"' in line for line in text.splitlines() if not line.startswith("#"))


def test_a_service_tells_what_it_can_know_alone() -> None:
    assert ("chatmail_outbox_waiting",) in samples("queue-worker")
    assert ("chatmail_outbox_waiting",) not in samples("imap")


def test_each_worker_tells_its_process() -> None:
    PAGE.spread(2)
    PAGE.take(0)
    PAGE.take(1)
    found = samples("imap")
    assert {labels[0] for name, *labels in found if name == "process_resident_memory_bytes"} == {"0", "1"}
    assert found["process_resident_memory_bytes", "0"] > 1_000_000
    assert PAGE.pids == [os.getpid()] * 2


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_service_has_something_to_tell(service: object) -> None:
    assert len(samples(service.name)) > 20  # type: ignore[attr-defined]
