"""A person opens the page in a real browser, scans the code on the screen, and is in."""

import io

from PIL import Image
from playwright.sync_api import sync_playwright
from zxingcpp import read_barcode

from tests.browser.conftest import ARGUMENTS
from tests.needs import needs
from tests.people import from_link
from tests.suite import Suite


def test_the_code_on_the_page_logs_in() -> None:
    chromium = needs("chromium")
    with Suite() as suite:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 390, "height": 844})
            page.goto(suite.page)
            link = page.locator("a[href^='dclogin:']").first.get_attribute("href")
            screenshot = page.screenshot(full_page=True)
            browser.close()
        code = read_barcode(Image.open(io.BytesIO(screenshot)))
        assert code is not None
        assert code.text == link
        person = from_link(suite, code.text)
        person.send(person.address)
        assert len(person.inbox()) == 1
