"""Files arrive as they were sent."""

import random
from hashlib import sha256
from pathlib import Path

import pytest
from deltachat_rpc_client.const import MessageState

from tests.deltachat.conftest import Friends

SIZES = {"1 MB": 1_000_000, "20 MB": 20_000_000}


@pytest.mark.parametrize("size", SIZES)
def test_a_file_arrives_with_the_same_bytes(friends: Friends, tmp_path: Path, size: str) -> None:
    file = tmp_path / "sent.bin"
    file.write_bytes(random.Random(size).randbytes(SIZES[size]))
    message = friends.alices.send_message(text=f"all {size} of it", file=str(file))
    received = friends.bob.receive_file(f"all {size} of it")
    assert sha256(received).digest() == sha256(file.read_bytes()).digest()
    friends.alice.wait_for_state(message, MessageState.OUT_DELIVERED)
