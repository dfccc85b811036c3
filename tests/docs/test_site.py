"""The site: built without a warning, and looked at from outside.

It is built once for this file, of phantoms, so that it is the same everywhere.
"""

import html.parser
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

import pytest
import traffic
import typer

from medmnist_tfds.commands import cli
from medmnist_tfds.data import catalog

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> pathlib.Path:
    """The folder of a site that was built strictly."""
    folder = tmp_path_factory.mktemp("docs")
    places = ["--build", folder / "build", "--site", folder / "site"]
    # No official file is at hand: the pages are those of phantoms.
    environment = {**os.environ, "MEDMNIST_ROOT": str(folder), "HOME": str(folder)}
    run = {"check": True, "cwd": ROOT, "env": environment}
    subprocess.run([sys.executable, "-m", "docs.generate", *places], **run)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"]
        + ["--config-file", folder / "build" / "mkdocs.yml"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return folder / "site"


class Page(html.parser.HTMLParser):
    """What a page links to, what it loads, and which anchors it has."""

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self.links, self.loaded, self.anchors = [], [], {""}
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found.get("id"), found.get("name")}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") != "canonical":
            self.loaded.append(found["href"])
        if "src" in found:
            self.loaded.append(found["src"])


@pytest.fixture(scope="module")
def pages(site) -> dict[pathlib.Path, Page]:
    # 404.html is shown at any address: its links are from the root of a host.
    found = [path for path in site.rglob("*.html") if path.name != "404.html"]
    return {path: Page(path) for path in found}


def test_every_dataset_notebook_guide_and_module_has_a_page(site):
    names = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    asked = {f"datasets/{name}.html" for name in catalog.DATASETS}
    asked |= {f"notebooks/{p.stem}.html" for p in ROOT.glob("notebooks/*.ipynb")}
    asked |= {f"guides/{p.stem}.html" for p in ROOT.glob("docs/guides/*.md")}
    modules = "catalog models pipeline predictions scoring sources train".split()
    asked |= {f"reference/{name}.html" for name in (*modules, "command_line")}
    assert asked <= names
    assert {"index.html", "benchmarks.html", "recipes.html", "house.html"} <= names


def test_the_code_of_every_datasets_page_runs_on_its_phantom(site, tmp_path):
    sources = (site.parent / "build" / "docs" / "datasets").glob("*.md")
    found = [re.findall(r"```python\n(.*?)```", p.read_text(), re.S) for p in sources]
    code = [
        each.replace("medmnist/", "medmnist_phantom/")
        for page in found
        for each in page
    ]
    assert len(code) == len(catalog.DATASETS)
    subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        check=True,
        env={**os.environ, "TFDS_DATA_DIR": str(tmp_path)},
    )


def test_every_link_inside_the_site_leads_to_a_page_and_an_anchor(site, pages):
    broken, followed = [], 0
    for path, page in pages.items():
        for link in page.links + page.loaded:
            address = urllib.parse.urlsplit(link)
            if address.scheme or address.netloc:
                continue
            followed += 1
            inside = urllib.parse.unquote(address.path)
            target = (path.parent / inside).resolve() if inside else path
            anchor = urllib.parse.unquote(address.fragment)
            is_page = target in pages
            if not target.is_file() or is_page and anchor not in pages[target].anchors:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken
    assert followed > 1000


def test_no_page_names_another_host_as_a_place_to_load_from(site, pages):
    for path, page in pages.items():
        away = [each for each in page.loaded if re.match("(https?:)?//", each)]
        assert not away, path
        # The theme would load what draws these.
        assert not re.search(r'class="[^"]*(mermaid|arithmatex)', path.read_text())
    for path in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\W*(https?:)?//", path.read_text()), path


def test_the_command_lines_page_has_every_command_and_option_as_its_help(site):
    text = html.unescape((site / "reference/command_line.html").read_text())

    def check(command, name: str) -> int:
        assert f"<code>{name}</code>" in text
        hidden = ("help", "install_completion", "show_completion")
        for each in command.params:
            if each.param_type_name == "option" and each.name not in hidden:
                assert re.search(rf"<code>[^<]*{each.opts[0]}\b", text), each.opts
        below = getattr(command, "commands", {})
        return 1 + sum(check(each, f"{name} {word}") for word, each in below.items())

    assert check(typer.main.get_command(cli.app), "medmnist-tfds") > 15


def test_no_page_tells_of_the_machine_that_made_it(site):
    for path in [*site.rglob("*.html"), *site.rglob("*.json")]:
        text = path.read_text()
        assert str(ROOT) not in text and str(site.parent) not in text, path


def test_pages_fit_a_screen_and_a_phone_and_ask_no_other_host(site, tmp_path):
    names = sorted(p.relative_to(site).as_posix() for p in site.rglob("*.html"))
    stops = [(name, width) for name in names for width in (1280, 420)]
    look = """(page) => {
      const root = page.documentElement;
      const images = [...page.images].filter((i) => i.loading !== "lazy");
      if (!images.every((i) => i.complete)) return null;
      return [root.scrollWidth - root.clientWidth,
              images.filter((i) => !i.naturalWidth).map((i) => i.src)];
    }"""
    seen, asked = traffic.tour(site, stops, look, profile=tmp_path)
    assert len(seen) == len(stops) > 100
    found = dict(zip(stops, seen, strict=True))
    assert {stop: what for stop, what in found.items() if what != [0, []]} == {}
    assert not asked


@pytest.mark.parametrize("words", ["dermatoscope", "TaskMetrics", "tpu-check"])
def test_the_search_finds_pages(site, tmp_path, words):
    look = """(page) => {
      const found = page.querySelectorAll(".md-search-result__item a");
      return found.length ? [...found].map((a) => a.getAttribute("href")) : null;
    }"""
    stops = [(f"index.html?q={words}", 420)]
    (found,), asked = traffic.tour(site, stops, look, profile=tmp_path)
    expected = {
        "dermatoscope": "datasets/derma.html",
        "TaskMetrics": "reference/train.html",
        "tpu-check": "reference/command_line.html",
    }
    assert found and any(expected[words] in link for link in found)
    assert not asked


def test_the_search_works_in_pages_that_were_opened_from_the_disk(site, tmp_path):
    found = traffic.opened(site / "index.html", "?q=dermatoscope", profile=tmp_path)
    assert "datasets/derma.html" in re.sub(r"\?h=[^\"]*", "", found)
    assert "md-search-result__item" in found
