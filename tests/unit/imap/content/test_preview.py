import pytest
from imap.content.preview import MAX_LETTERS, preview, previewed
from imap.content.structure import scan

CASES = [
    pytest.param("\n Hello,\n\n  world\n", "Hello, world", id="plain"),
    pytest.param("Content-Type: text/html\n\n<style>p{}</style><p>Hi &amp; <b>bye</b>", "Hi & bye", id="html"),
    pytest.param("Content-Type: text/html\n\n<script>never closed <p>x", "", id="html-unclosed"),
    pytest.param("Content-Type: text/html\n\na <!-- no --> b < c", "a b", id="html-odd"),
    pytest.param("Content-Transfer-Encoding: base64\n\nSGVsbG8=\n", "Hello", id="base64"),
    pytest.param("Content-Transfer-Encoding: x-y\n\nSGVsbG8=\n", "", id="unknown-encoding"),
    pytest.param("Content-Type: image/png\n\nx", None, id="no-text"),
    pytest.param("Content-Disposition: attachment\n\nx", None, id="an-attachment"),
    pytest.param('Content-Type: multipart/encrypted; boundary="b"\n\n--b\n\nx\n--b--\n', None, id="encrypted"),
    pytest.param(
        'Content-Type: multipart/alternative; boundary="b"\n\n--b\nContent-Type: text/html\n\nno\n--b\n\nyes\n--b--\n',
        "yes",
        id="alternative",
    ),
    pytest.param("\n" + "word " * 1000, ("word " * 40).strip(), id="long"),
    pytest.param("\na\x00\x1b[2Jb", "a [2Jb", id="control-characters"),
]


@pytest.mark.parametrize(("text", "words"), CASES)
def test_first_words(text: str, words: str | None) -> None:
    message = text.replace("\n", "\r\n").encode()
    root = scan(message, 2 if message[:2] == b"\r\n" else message.index(b"\r\n\r\n") + 4)
    part = previewed(root)
    assert (preview(part, message[part.body : part.end]) if part else None) == words
    assert len(words or "") <= MAX_LETTERS
