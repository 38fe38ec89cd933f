"""What `chatmail dns` prints is a zone that a real name server takes, and its `--check` finds all of it there."""

import json

from tests.strangers.world import HERE, Strangers, chatmail


def test_the_world_sees_what_was_printed(strangers: Strangers) -> None:
    findings = json.loads(chatmail(strangers.here, "dns", "--check", "--json"))
    kinds = {finding["kind"] for finding in findings if finding["name"].endswith(HERE)}
    assert {"A", "MX", "TXT", "CNAME", "SRV", "CAA"} <= kinds
    # Nobody gave the suite its loopback address, so nobody says whose it is.
    assert {finding["kind"] for finding in findings if finding["state"] != "ok"} <= {"PTR"}
