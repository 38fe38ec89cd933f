"""Threads: which messages answer which (RFC 5256 §3 and §4).

Strategy: the references algorithm in its steps, without recursion, since a thread may be as deep as a mailbox is large.
Whether a link would close a loop is found by walking up; these steps are counted, since references made to be walked
could cost the square of their number.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from imap.content.subject import base_subject

MAX_REFERENCES = 200  # of one message: the first, and as many of the last
MAX_STEPS = 500_000

_ID = re.compile(rb"<([^<>\s]{1,998}+)>")


@dataclass(frozen=True, slots=True)
class Threaded:
    """A message to be threaded: how it is named in the answer, its moment, its decoded subject, its ids."""

    name: int
    moment: int
    subject: str
    message_id: bytes
    references: Sequence[bytes]


class TooTangled(Exception):
    """The references cannot be followed at a bearable cost."""


@dataclass(slots=True, eq=False)
class Node:
    """A place in a thread; without a message it stands for one that is not here."""

    message: Threaded | None = None
    parent: "Node | None" = None
    answers: list["Node"] = field(default_factory=list)
    has_answers: bool = False  # while links are still being made

    @property
    def first(self) -> Threaded | None:
        """The message by which it is sorted: its own, or that of its first answer."""
        node: Node = self
        while node.message is None and node.answers:
            node = node.answers[0]
        return node.message


def ids(value: bytes) -> list[bytes]:
    """Return the message ids in a field; of too many the first and the last."""
    found = _ID.findall(value)
    return found if len(found) <= MAX_REFERENCES else [found[0], *found[-MAX_REFERENCES + 1 :]]


def by_references(messages: Iterable[Threaded]) -> list[Node]:
    """Return threads, sorted, their answers as well; raise TooTangled."""
    linking = _Linking()
    for message in messages:
        linking.add(message)
    for node in linking.nodes:
        if node.parent is not None:
            node.parent.answers.append(node)
    roots = _without_empty([node for node in linking.nodes if node.parent is None])
    _sort(roots)
    roots = _by_subject(roots)
    _sort(roots)
    return roots


def by_subject(messages: Iterable[Threaded]) -> list[Node]:
    """Return threads of one level (§3, ORDEREDSUBJECT): the first message of a subject, all others as its answers."""
    threads: dict[str, Node] = {}
    for message in sorted(messages, key=lambda message: (message.moment, message.name)):
        subject, _ = base_subject(message.subject)
        if subject in threads:
            threads[subject].answers.append(Node(message))
        else:
            threads[subject] = Node(message)
    return list(threads.values())


class _Linking:
    """§4 step 1: every message and every reference gets its place."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._by_id: dict[bytes, Node] = {}
        self._steps = 0

    def add(self, message: Threaded) -> None:
        node = self._by_id.get(message.message_id) if message.message_id else None
        if node is None or node.message is not None:  # no id, or another's
            is_own = bool(message.message_id) and node is None
            node = self._new(message.message_id if is_own else None)
        node.message = message
        parent: Node | None = None
        for reference in message.references:
            named = self._by_id.get(reference) or self._new(reference)
            if parent is not None and named.parent is None:
                self._link(parent, named)
            parent = named
        # What a message says of itself counts more than what others said of it.
        if node.parent is not None and node.parent is not parent:
            node.parent = None
        if parent is not None and node.parent is None:
            self._link(parent, node)

    def _new(self, message_id: bytes | None) -> Node:
        node = Node()
        self.nodes.append(node)
        if message_id is not None:
            self._by_id[message_id] = node
        return node

    def _link(self, parent: Node, child: Node) -> None:
        above: Node | None = parent if child.has_answers else None
        while above is not None and above is not child:
            self._steps += 1
            above = above.parent
        if self._steps > MAX_STEPS:
            raise TooTangled
        if above is None and parent is not child:  # else a loop
            child.parent, parent.has_answers = parent, True


def _without_empty(roots: list[Node]) -> list[Node]:
    """§4 steps 2 and 3: places without messages go; several answers to one that is not here stay together."""
    order = _downwards(roots)
    for node in reversed(order):
        kept: list[Node] = []
        for answer in node.answers:
            if answer.message is not None:
                kept.append(answer)
            else:
                kept += answer.answers
        node.answers = kept
    lifted: list[Node] = []
    for root in roots:
        if root.message is None and len(root.answers) <= 1:
            lifted += root.answers
        else:
            lifted.append(root)
    return lifted


def _by_subject(roots: Sequence[Node]) -> list[Node]:
    """§4 step 5: threads of one subject are one thread."""
    table: dict[str, tuple[Node, bool]] = {}
    subjects = [_subject(root) for root in roots]
    for root, (subject, is_reply) in zip(roots, subjects, strict=True):
        if subject:
            present = table.get(subject)
            is_better = root.message is None and present is not None and present[0].message is not None
            if present is None or is_better or (present[1] and not is_reply and present[0].message is not None):
                table[subject] = (root, is_reply)
    merged: list[Node] = []
    for root, (subject, is_reply) in zip(roots, subjects, strict=True):
        into, into_is_reply = table.get(subject, (root, False))
        if into is root:
            merged.append(root)
        elif not into.message:
            into.answers += [root] if root.message else root.answers
        elif root.message and is_reply and not into_is_reply:
            into.answers.append(root)
        else:
            _put_side_by_side(into, root)
    return merged


def _put_side_by_side(into: Node, root: Node) -> None:
    """Make `into` a place without a message, above what it was and above `root`."""
    first = Node(into.message, into, into.answers)
    into.message, into.answers = None, [first, *([root] if root.message else root.answers)]


def _subject(root: Node) -> tuple[str, bool]:
    first = root.first
    return base_subject(first.subject) if first else ("", False)


def _sort(roots: list[Node]) -> None:
    """§4 steps 4 and 6: by moment, and by number where that is the same; the lowest first."""
    for node in reversed(_downwards(roots)):
        node.answers.sort(key=_moment)
    roots.sort(key=_moment)


def _moment(node: Node) -> tuple[int, int]:
    first = node.first
    return (first.moment, first.name) if first else (0, 0)


def _downwards(roots: Iterable[Node]) -> list[Node]:
    """Return all nodes, each before its answers."""
    order = list(roots)
    for node in order:
        order += node.answers
    return order


def spell(roots: Iterable[Node]) -> Iterator[bytes]:
    """Yield the threads as THREAD tells them (§5, thread-list), in pieces."""
    left: list[Node | bytes] = [*reversed(list(roots))]
    while left:
        node = left.pop()
        if isinstance(node, bytes):
            yield node
            continue
        yield b"("
        gap = b""
        while node.message is not None or len(node.answers) == 1:
            if node.message is not None:
                yield gap + b"%d" % node.message.name
                gap = b" "
            if len(node.answers) != 1:
                break
            node = node.answers[0]
        yield gap if node.answers else b""
        left += [b")", *reversed(node.answers)]
