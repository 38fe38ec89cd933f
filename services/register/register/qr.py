"""QR codes as SVG: one path of black runs on a white ground, which stays white on a dark page.

Strategy: a reader needs dark on light and four modules of quiet zone (ISO/IEC 18004 §9.1), so both are part of the
picture and no style sheet can take them away. No style attribute: the page's content policy forbids inline style.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

_QUIET_ZONE = 4


def svg(text: str, title: str = "QR code") -> str:
    """Draw a text; `title` is what a screen reader says and must need no escaping."""
    # A fixed mask is as readable to decoders, and the search for the prettiest of eight takes most of the time.
    code = QRCode(error_correction=ERROR_CORRECT_M, border=_QUIET_ZONE, mask_pattern=2)
    code.add_data(text)
    code.make()
    matrix = code.get_matrix()
    size = len(matrix)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img" aria-label="{title}"'
        f' shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/>'
        f'<path fill="#000" d="{"".join(_runs(matrix))}"/></svg>'
    )


def _runs(matrix: Sequence[Sequence[bool]]) -> Iterator[str]:
    for y, row in enumerate(matrix):
        x = 0
        for is_dark, modules in groupby(row):
            length = sum(1 for _ in modules)
            if is_dark:
                yield f"M{x} {y}h{length}v1h-{length}z"
            x += length
