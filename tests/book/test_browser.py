"""In a real browser: every page, narrow and wide, light and dark; the matrix sorted, filtered, opened, and without scripts."""

import functools
import http.server
import json
import shutil
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.book.conftest import ROOT

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EVIDENCE = [json.loads(path.read_text()) for path in (ROOT / "evidence").glob("*.json")]
ON_JAX = [each for each in EVIDENCE if each["engines"]["subject"]["backend"] == "jax"]
SCREENS = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 390, "height": 844}}


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(book):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(book)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert path, "no chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=list(QUIET))


@pytest.fixture
def opened(browser, site):
    """``opened(page, ...)``: a page, and what its console complained about."""
    contexts = []

    def open_page(name, **options):
        context = browser.new_context(**{"viewport": SCREENS["wide"], **options})
        contexts.append(context)
        page = context.new_page()
        complaints = []
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto(f"{site}/{name}")
        return page, complaints

    yield open_page
    for context in contexts:
        context.close()


def pages(book):
    return sorted(str(path.relative_to(book)) for path in book.rglob("*.html"))


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_whole(opened, book, screen, scheme):
    """No complaint, nothing wider than the screen, and mathematics drawn."""
    for name in pages(book):
        page, complaints = opened(name, viewport=SCREENS[screen], color_scheme=scheme)

        assert not complaints, f"{name}: {complaints}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), f"{name} is wider than the screen"
        if name.startswith("chapters/"):
            assert page.locator("h2").count() > 0, name
        for box in page.evaluate(
            "[...document.querySelectorAll('math')].map(m => m.getBoundingClientRect()).map(b => [b.width, b.height])"
        )[:50]:
            assert box[0] > 3, name
            assert box[1] > 5, name
        page.context.close()


@pytest.mark.parametrize("width", [1400, 1280])
def test_code_and_tables_fit_into_their_boxes(opened, book, width):
    """No line of code is cut or scrolled, opened details included, and no column of the fit page's table; formulas neither."""
    for name in pages(book):
        page, _ = opened(name, viewport={"width": width, "height": 900})
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        boxes = "pre, div.math, .table-wrapper" if name == "fit.html" else "pre, div.math"

        wider = page.evaluate(
            "boxes => [...document.querySelectorAll(boxes)]"
            ".filter(box => box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1)"
            ".map(box => box.textContent.trim().slice(0, 80))",
            boxes,
        )

        assert not wider, name
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "argument.html",
        "chapters/03.html",
        "matrix.html",
        "disagree.html",
        "glossary.html",
        "proof.html",
        "distances.html",
    ],
)
def test_a_page_is_accessible(opened, name, scheme):
    """As axe-core sees it: contrast, names, headings, tables, keyboard."""
    page, _ = opened(f"{name}.html", color_scheme=scheme)

    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})

    assert not found.response["violations"], found.generate_report()


class TestMatrix:
    def rows(self, page):
        return page.locator("#the-matrix tbody tr:visible")

    def test_it_is_filtered(self, opened):
        """By text, chapter, backend, environment and outcome."""
        page, complaints = opened("matrix.html")
        every = self.rows(page).count()

        page.fill("input[name=text]", "softmax-mean")
        assert self.rows(page).count() == 1
        page.fill("input[name=text]", "")
        page.select_option("select[name=chapter]", "3")
        assert self.rows(page).count() == 5
        page.select_option("select[name=chapter]", "")
        page.select_option("select[name=backend]", "jax")
        assert page.locator("#the-matrix thead th:visible").count() == 1 + len(ON_JAX)
        page.select_option("select[name=backend]", "")
        page.fill("input[name=environment]", "oldest")
        page.select_option("select[name=outcome]", "known gap")
        assert 0 < self.rows(page).count() < every
        assert "1 environments" in page.locator("output").text_content()
        assert not complaints

    def test_it_is_sorted_and_restored(self, opened):
        """Gaps first, by the button in a heading; once more for the order of reading."""
        page, _ = opened("matrix.html")
        first = self.rows(page).first.text_content()
        button = page.locator("#the-matrix thead th", has_text="may2021").locator("button")

        button.click()
        assert self.rows(page).first.locator("td").first.get_attribute("class") == "known-gap"
        assert page.locator("th[aria-sort]").count() == 1
        button.click()
        assert self.rows(page).first.text_content() == first

    def test_a_cell_is_opened_by_mouse_and_by_keyboard(self, opened):
        """It says what was measured there; Escape leads back to it."""
        page, complaints = opened("matrix.html")
        page.fill("input[name=text]", "softmax-mean")
        page.locator("#the-matrix tbody tr:visible td").last.click()

        dialog = page.locator("dialog")
        assert "7 cases: holds" in dialog.text_content()
        assert "Fewest digits" in dialog.text_content()
        answers = dialog.locator(".answers tbody tr")
        answers.first.wait_for()
        assert answers.count() == 7
        assert dialog.locator(".answers th").first.text_content() == "case"
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        page.keyboard.press("Enter")
        page.locator(".answers").focus()
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        assert dialog.is_visible()
        page.locator("dialog button").click()
        assert page.evaluate("document.activeElement.tagName") == "TD"
        assert not complaints

    def test_a_known_gap_says_its_cause(self, opened):
        page, _ = opened("matrix.html")
        page.select_option("select[name=outcome]", "known gap")
        page.locator("#the-matrix tbody tr:visible td.known-gap:visible").first.click()

        assert "known gap" in page.locator("dialog").text_content()
        assert len(page.locator("dialog p").all()) >= 4

    def test_without_scripts_it_is_a_plain_table(self, opened):
        """With headings, a caption and every claim."""
        page, _ = opened("matrix.html", java_script_enabled=False)

        assert page.locator("#the-matrix tbody tr").count() == page.locator("#the-matrix th[scope=row]").count() > 100
        assert page.locator("form.filters").is_hidden()
        assert page.locator("#the-matrix caption").is_visible()
