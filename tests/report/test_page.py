"""The page: everything is on it, in one file that loads nothing, and no text from outside is more than text."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from acquire.cli.report import _batch_lines
from acquire.config.answers import AnswersFile
from acquire.records import Finding, Note, RunStatus, Severity
from acquire.report.assembled import Illustration, assembled
from acquire.report.page import page
from acquire.run_file.documented import DocumentedRun
from tests.report.conftest import MakeDevice

HOSTILE = '"><script>alert(1)</script>\x1b[2J\u202e{{ 7*7 }}'
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
#: Where HTML names something to be loaded or followed.
REFERENCES = ("src", "href", "srcset", "data", "action", "poster", "background")
VOID = ("meta", "img", "br", "link", "hr", "input")


class Elements(HTMLParser):
    """Every element with its attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def hostile(recorded: DocumentedRun) -> Elements:
    """The page of a run whose every text is against it, with pictures and the checklist."""
    run = replace(recorded.run, sample=HOSTILE, title=HOSTILE, user=HOSTILE, stop_reason=HOSTILE)
    object.__setattr__(run, "notes", (Note(1.0, HOSTILE),))
    finding = Finding(0.0, "x", Severity.IMPOSSIBLE, HOSTILE, remedy=HOSTILE)
    object.__setattr__(run, "findings", (finding,))
    report = assembled([replace(recorded, run=run)], answers=AnswersFile(kind="answers"), answers_path=HOSTILE)
    drawn = Illustration("jvl", HOSTILE, HOSTILE, {"svg": SVG})
    missing = Illustration("x", HOSTILE, why_not=HOSTILE)
    return Elements(page(replace(report, illustrations=(drawn, missing))))


def test_the_page_is_well_formed_and_holds_no_script_whatever_texts_say(hostile: Elements) -> None:
    assert hostile.open == []
    assert not {"script", "iframe", "object", "link", "base"} & {tag for tag, _ in hostile.found}
    assert not [name for _, attributes in hostile.found for name in attributes if name.startswith("on")]
    assert hostile.text.count("<script>alert(1)</script>") > 8
    assert "\x1b" not in hostile.text
    assert "\u202e" not in hostile.text
    assert "{{ 7*7 }}" in hostile.text


def test_nothing_is_loaded_and_the_policy_forbids_it(hostile: Elements) -> None:
    references = [attributes[name] for _, attributes in hostile.found for name in REFERENCES if name in attributes]
    assert references
    assert all(reference.startswith("data:image/svg+xml;base64,") for reference in references if reference)
    (policy,) = (one["content"] for tag, one in hostile.found if one.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in (policy or "")
    assert "script" not in (policy or "")


def test_it_fits_a_phone_and_a_printer(recorded: DocumentedRun) -> None:
    text = page(assembled([recorded]))
    assert '<meta name="viewport" content="width=device-width' in text
    assert "@media print" in text
    assert "@media (max-width" in text
    assert not re.search(r"https?://(?!www\.w3\.org)", text)


def test_pictures_are_within_the_page(hostile: Elements) -> None:
    (image,) = (one for tag, one in hostile.found if tag == "img")
    content = b64decode((image["src"] or "").partition(",")[2])
    assert ElementTree.fromstring(content).tag.endswith("svg")
    assert image["alt"]


def test_one_run_is_told_with_its_figures_conditions_and_findings(recorded: DocumentedRun) -> None:
    text = Elements(page(assembled([recorded]))).text
    eqe = recorded.run.figures["external_quantum_efficiency_max"]
    for said in (
        f"{eqe.value * 100:.2f} ± {eqe.uncertainty * 100:.2f}",
        "14 mm2, u = 0.16 mm2 (k = 1)",
        "18 points, 3 V to 7 V and back to 3 V",
        "10 mA; 2 of 18 points met it",
        "1053308",
        recorded.run.run_id,
        recorded.sha256,
    ):
        assert said in text, said


def test_what_speaks_against_a_run_stands_above_its_numbers(hostile: Elements) -> None:
    assert hostile.text.index("What speaks against these numbers") < hostile.text.index("Figures of merit")


def test_a_batch_says_how_many_are_dead_and_which_is_shown(device: MakeDevice) -> None:
    runs = [device(f"D{i}", 0.05 + 0.001 * i) for i in range(10)]
    runs += [device(f"X{i}", None, status=RunStatus.STOPPED, reason=f"short: {i} A") for i in range(2)]
    text = Elements(page(assembled(runs))).text
    assert "B7: 12 devices, 2 dead" in text
    assert "X1: short: 1 A" in text
    assert "the device shown is D4, rank 6 of 10" in text
    assert "counts as dead when" in text


def test_one_device_of_a_group_has_a_value_and_no_spread(device: MakeDevice) -> None:
    report = assembled([device("A", 0.05), device("B", 0.07), device("C", 0.06, batch="B8")])
    _, of_two, of_one = re.split(r"<h3>B[78]: ", page(report).partition("<h2>Comparison")[0])
    row = r"<tr><th scope=\"row\">EQE.*?</tr>"
    (two,), (one,) = (re.findall(row, text) for text in (of_two, of_one))
    assert re.findall("<td>(.*?)</td>", two)[:6] == ["%", "2", "6.000", "6.000", "1.4", "5.500, 6.500"]
    assert re.findall("<td>(.*?)</td>", one)[:7] == ["%", "1", "6.000", "", "", "", ""]
    said = [line.strip() for line in _batch_lines(report)]
    assert "EQE_max  median 6.000 %, mean 6.000 %, standard deviation 1.4 %, best B (n = 2)" in said
    assert "EQE_max  6.000 %, C (n = 1)" in said
    assert sum("standard deviation" in line for line in said) == len(report.batch.statistics("B7"))


def test_several_runs_are_compared(device: MakeDevice) -> None:
    found = Elements(page(assembled([device("A", batch="1"), device("B", batch="2")])))
    assert "At 1000 cd/m2" in found.text
    assert "Statistics" not in found.text
    assert sum(tag == "table" for tag, _ in found.found) == 4
