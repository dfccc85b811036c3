"""What a release says of itself in several places agrees."""

import configparser
import pathlib
import re

import yaml

import medmnist_tfds
from medmnist_tfds.data import catalog, croissant

ROOT = pathlib.Path(__file__).parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read_string(text("setup.cfg"))
    return parser


def test_changelog_citation_and_package_have_one_version_and_date():
    citation = yaml.safe_load(text("CITATION.cff"))
    headings = re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    version, date = headings[1].split(" - ")
    assert version == medmnist_tfds.__version__ == citation["version"]
    assert date == str(citation.get("date-released", "unreleased"))
    assert date == "unreleased" or re.fullmatch(r"\d{4}-\d\d-\d\d", date)


def test_the_citation_names_the_papers_as_the_builders_do():
    papers = yaml.safe_load(text("CITATION.cff"))["references"]
    variant = catalog.parse("breast")
    bibliography = re.sub("[{}]", "", croissant.describe(variant)["citeAs"])
    assert len(papers) == bibliography.count(" title =")
    for paper in papers:
        names = [f"{a['family-names']}, {a['given-names']}" for a in paper["authors"]]
        assert f"author = {' and '.join(names)}" in bibliography
        assert f"title = {paper['title']}" in bibliography
        assert f"year = {paper['year']}" in bibliography


def test_ruff_is_of_one_version_before_a_commit_and_in_the_tests():
    (pinned,) = re.findall(
        r"^ruff==.+$", setup()["options.extras_require"]["test"], re.M
    )
    assert re.findall(r'"(ruff==[^"]+)"', text(".pre-commit-config.yaml")) == [pinned]


def test_the_workflow_runs_every_part_of_ci_on_every_python():
    workflow = yaml.safe_load(text(".github/workflows/test.yml"))
    matrix = workflow["jobs"]["make"]["strategy"]["matrix"]
    parts = {*matrix["part"], *(entry["part"] for entry in matrix["include"])}
    assert parts == set(re.findall(r"^make (\S+)", text(".ci/run"), re.MULTILINE))
    named = re.findall(r"Python :: (3\.\d+)", setup()["metadata"]["classifiers"])
    assert matrix["python"] == named
    assert {"ubuntu-latest", "macos-latest"} == set(matrix["os"])


def test_workflows_may_only_read_and_know_no_secret():
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        assert "secrets" not in path.read_text()
        for job in workflow["jobs"].values():
            assert set(job.get("permissions", {})) <= {"id-token"}
            used = [step["uses"] for step in job["steps"] if "uses" in step]
            assert all(re.search(r"@(v\d+|release/v\d+)$", action) for action in used)
