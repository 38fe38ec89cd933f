import re
import xml.etree.ElementTree as ElementTree

import pytest
import zxingcpp
from PIL import Image
from register.qr import svg

SCALE = 4


def paint(picture: str) -> Image.Image:
    """Draw the two paths of the picture, by their own words only."""
    root = ElementTree.fromstring(picture)
    size = int(root.attrib["viewBox"].split()[2])
    image = Image.new("L", (size, size), 128)
    for path in root:
        shade = {"#fff": 255, "#000": 0}[path.attrib["fill"]]
        runs = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)[hH]-?\d+z", path.attrib["d"])
        for x, y, width, height in (map(int, run) for run in runs):
            image.paste(shade, (x, y, x + width, y + height))
    return image.resize((size * SCALE, size * SCALE), Image.Resampling.NEAREST)


@pytest.mark.parametrize(
    "text",
    [
        "dclogin:abcdefghi@[127.0.0.1]?p=QrStUvWxYz0123456789Ab&v=1&ih=127.0.0.1&ip=993&is=ssl&ic=3",
        "dcaccount:https://chat.example.org/new?t=abc",
        "dclogin:" + "x" * 504,
    ],
)
def test_the_picture_reads_back(text: str) -> None:
    image = paint(svg(text))
    assert [found.text for found in zxingcpp.read_barcodes(image)] == [text]


def test_four_modules_of_white_surround_the_code() -> None:
    image = paint(svg("dcaccount:x"))
    quiet = 4 * SCALE
    width, height = image.size
    inside = (quiet, quiet, width - quiet, height - quiet)
    assert image.getextrema() == (0, 255)  # nothing left unpainted in between would show as 128
    frame = image.copy()
    frame.paste(255, inside)
    assert frame.getextrema() == (255, 255)
    assert image.crop(inside).getpixel((0, 0)) == 0


def test_no_style_and_a_label_for_those_who_do_not_see() -> None:
    picture = svg("dcaccount:x", "QR code of the link")
    assert "style" not in picture
    assert 'role="img" aria-label="QR code of the link"' in picture
