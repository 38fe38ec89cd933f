"""The page as people see it: on a phone and on a desktop, by day and by night, with and without JavaScript."""

import io
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Page

from tests.browser.conftest import Served, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE, DESKTOP = (390, 844), (1280, 900)
LOOKS = [
    pytest.param(*size, scheme, id=f"{name} {scheme}")
    for name, size in (("phone", PHONE), ("desktop", DESKTOP))
    for scheme in ("light", "dark")
]
PAGES = [("open", "/"), ("token", "/"), ("token", "/?t=secret"), ("closed", "/"), ("open", "/nowhere")]
OPEN_ALL = "document.querySelectorAll('details').forEach(found => found.open = true)"
CONTRAST = Path(__file__).with_name("contrast.js").read_text()


async def codes_in(page: Page) -> list[str]:
    """What a camera reads off the screen."""
    image = Image.open(io.BytesIO(await page.screenshot(full_page=True)))
    return [found.text for found in zxingcpp.read_barcodes(image)]


async def link_on(page: Page) -> str:
    return await page.locator("#offer").get_attribute("href") or ""


@pytest.mark.parametrize(("width", "height", "scheme"), LOOKS)
async def test_the_code_on_the_screen_is_the_link(
    served: Served, visitor: Visitor, width: int, height: int, scheme: str
) -> None:
    visit = await visitor.open(served.http, width, height, scheme)
    link = await link_on(visit.page)
    assert link.startswith("dclogin:")
    assert await codes_in(visit.page) == [link]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read(served: Served, visitor: Visitor, scheme: str) -> None:
    # WCAG 2.2 §1.4.3, level AA, and the stricter figure for small text throughout.
    visit = await visitor.open(served.http, *PHONE, scheme)
    for mode, path in PAGES:
        served.accounts.mode = mode
        served.clock.now += 5
        await visit.page.goto(served.http + path)
        await visit.page.evaluate(OPEN_ALL)
        texts = await visit.page.evaluate(CONTRAST)
        ratios = {text: round(contrast(ink, ground), 2) for text, ink, ground in texts}
        assert len(ratios) > 5
        assert {text: ratio for text, ratio in ratios.items() if ratio < 4.5} == {}


def contrast(ink: list[float], ground: list[float]) -> float:
    """WCAG's contrast ratio of two colours."""

    def luminance(colour: list[float]) -> float:
        linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(ink), luminance(ground)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("path", ["/", "/nowhere"])
async def test_nothing_is_asked_of_others_and_nothing_goes_wrong(served: Served, visitor: Visitor, path: str) -> None:
    visit = await visitor.open(served.http + path)
    await visit.page.wait_for_load_state("networkidle")
    assert len(visit.requested) >= 4  # page, style, script, icon
    assert [url for url in visit.requested if not url.startswith(served.http + "/")] == []
    assert [words for words in visit.complaints if "404 (Not Found)" not in words] == []
    assert await visit.page.context.cookies() == []
    assert await visit.page.evaluate("localStorage.length + sessionStorage.length") == 0


async def test_nothing_sticks_out(served: Served, visitor: Visitor) -> None:
    visit = await visitor.open(served.http)
    for mode, path in PAGES:
        served.accounts.mode = mode
        served.clock.now += 5
        await visit.page.goto(served.http + path)
        await visit.page.evaluate(OPEN_ALL)
        for width in (320, 390, 768, 1280):
            await visit.page.set_viewport_size({"width": width, "height": 800})
            assert await visit.page.evaluate("document.documentElement.scrollWidth") == width, (mode, path)


@pytest.mark.parametrize("served", ["a" * 63 + "." + "b" * 63 + ".example.org"], indirect=True)
async def test_a_long_name_does_not_stick_out(served: Served, visitor: Visitor) -> None:
    visit = await visitor.open(served.http, 320, 800)
    assert await visit.page.evaluate("document.documentElement.scrollWidth") == 320
    assert await codes_in(visit.page) == [await link_on(visit.page)]


async def test_it_works_without_javascript(served: Served, visitor: Visitor) -> None:
    visit = await visitor.open(served.http, *PHONE, java_script_enabled=False)
    link = await link_on(visit.page)
    assert await codes_in(visit.page) == [link]
    await visit.page.locator("summary").click()
    assert await visit.page.get_by_text(link, exact=True).is_visible()
    assert await visit.page.get_by_role("button", name="Copy").count() == 0


async def test_an_invitation_without_javascript(served: Served, visitor: Visitor) -> None:
    served.accounts.mode = "token"
    visit = await visitor.open(served.http, *PHONE, java_script_enabled=False)
    await visit.page.get_by_label("Your invitation").fill("secret")
    await visit.page.get_by_role("button", name="Continue").click()
    assert served.accounts.made == {}
    await visit.page.get_by_role("button", name="Create my address").click()
    link = await link_on(visit.page)
    assert [link.startswith(f"dclogin:{address}?") for address in served.accounts.made] == [True]
    assert await codes_in(visit.page) == [link]


async def test_the_copy_button(served: Served, visitor: Visitor) -> None:
    visit = await visitor.open(served.https, permissions=["clipboard-read", "clipboard-write"])
    await visit.page.locator("summary").click()
    await visit.page.get_by_role("button", name="Copy").click()
    await visit.page.get_by_role("button", name="Copied").wait_for()
    assert await visit.page.evaluate("navigator.clipboard.readText()") == await link_on(visit.page)
    assert visit.complaints == []


async def test_the_keyboard_leads_to_the_button_and_shows_where_it_is(served: Served, visitor: Visitor) -> None:
    visit = await visitor.open(served.http)
    await visit.page.keyboard.press("Tab")
    style = "getComputedStyle(document.activeElement)"
    assert await visit.page.evaluate("document.activeElement.id") == "offer"
    assert await visit.page.evaluate(f"[{style}.outlineStyle, {style}.outlineWidth]") == ["solid", "3px"]


async def test_a_reload_is_another_address(served: Served, visitor: Visitor) -> None:
    visit = await visitor.open(served.http)
    first = await link_on(visit.page)
    await visit.page.get_by_role("link", name="Reload the page").click()
    assert await link_on(visit.page) != first


async def test_a_foreign_page_may_not_frame_ours(served: Served, visitor: Visitor) -> None:
    visit = await visitor.open("about:blank")
    async with visit.page.expect_event("frameattached") as attached:
        await visit.page.set_content(f'<iframe src="{served.http}"></iframe>')
    frame = await attached.value
    await frame.wait_for_load_state()
    assert frame.url == "chrome-error://chromewebdata/"
