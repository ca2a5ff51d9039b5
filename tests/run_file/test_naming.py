"""What run files are called: every script, every file system, every template; and no template does more than name."""

from __future__ import annotations

import os
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from acquire.config import check_file, json_schemas
from acquire.config.sweep import Output
from acquire.config.template import FIELDS
from acquire.run_file import naming, placing
from acquire.run_file import read as reading
from acquire.run_file.recorder import _name_beside
from acquire.safety.guardian_log import guardian_log
from tests.conftest import CONFIGS

MOMENT = datetime(2026, 3, 31, 14, 25, 1, tzinfo=UTC)
RUN_ID = uuid.UUID(int=0xABCDEF12 << 96)
#: Windows' own list, which is the longest: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
#: What would end the path of an address, or begin a code in it.
OF_ADDRESSES = re.compile("[#%]")
DEVICE = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])\s*(\..*)?", re.IGNORECASE)

BATCH = "{date}_{batch}_{sample}_{pixel}"


def named(template: str = "{sample}", **fields: str) -> str:
    return naming.file_name(MOMENT, fields, RUN_ID, template)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"sample": "A3", "batch": "B7", "pixel": "2"}, "20260331_B7_A3_2_abcdef12.h5"),
        ({"sample": "A3", "pixel": "2"}, "20260331_A3_2_abcdef12.h5"),
        ({"sample": "A3"}, "20260331_A3_abcdef12.h5"),
        ({"sample": "A 3", "batch": "2026/11"}, "20260331_2026-11_A-3_abcdef12.h5"),
        ({"sample": "蓝光 器件", "batch": "Партия 7"}, "20260331_Партия-7_蓝光-器件_abcdef12.h5"),
        ({"sample": "[Ir(ppy)3]", "batch": "#3"}, "20260331_3_[Ir(ppy)3]_abcdef12.h5"),
        ({"sample": "Dev #3", "batch": "5%20 TPBi"}, "20260331_5-20-TPBi_Dev-3_abcdef12.h5"),
        ({"sample": "a--b"}, "20260331_a--b_abcdef12.h5"),
    ],
)
def test_a_template_is_filled_in_and_empty_fields_leave_no_gap(fields: dict[str, str], name: str) -> None:
    assert named(BATCH, **fields) == name


@pytest.mark.parametrize(
    "sample", ["größer", "試料", "샘플", "عينة", "नमूना", "דגימה", "ตัวอย่าง", "Образец", "δείγμα", "µ-LED", "𠀋"]
)
def test_letters_of_every_script_stay(sample: str) -> None:
    assert named(sample=sample) == f"{normalize('NFC', sample)}_abcdef12.h5"


def test_a_letter_that_the_system_cannot_write_costs_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "iso8859-1")
    assert named(sample="grün 試料 A3") == "grün-A3_abcdef12.h5"


def test_a_name_is_composed_however_the_file_was_written() -> None:
    assert named(sample="gro\u0308\u00dfer") == named(sample="größer") == "größer_abcdef12.h5"


@pytest.mark.parametrize(
    ("sample", "readable"),
    [
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1", "_com1"),
        ("LPT\u00b2", "_LPT\u00b2"),
        ("CONTACT", "CONTACT"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("Dev. ", "Dev"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\ud800b", "a-b"),
    ],
)
def test_no_name_is_a_device_an_option_or_hidden(sample: str, readable: str) -> None:
    assert named(sample=sample) == f"{readable}_abcdef12.h5"


@given(st.text(), st.text(), st.sampled_from(["{sample}", BATCH, "x{pixel}.{sample}", "{date}T{time}_{sample}"]))
def test_any_text_gives_a_name_for_every_file_system(sample: str, pixel: str, template: str) -> None:
    name = named(template, sample=sample, pixel=pixel)
    assert naming.is_run_file(name)
    assert not FORBIDDEN.search(name)
    assert not OF_ADDRESSES.search(name)
    assert not DEVICE.fullmatch(name)
    assert name[0] not in "-. "
    assert normalize("NFC", name) == name
    beside = guardian_log(_name_beside(Path(name)))
    assert len(str(beside).encode()) <= 255


def test_what_breaks_addresses_is_in_no_new_name_and_old_files_are_found(tmp_path: Path) -> None:
    assert named("#{sample}%", sample="50%20#") == "50-20_abcdef12.h5"
    (tmp_path / "20260331T142501_Dev-#3_abcdef12.h5").touch()
    assert [path.name for path in reading.run_files_in(tmp_path)] == ["20260331T142501_Dev-#3_abcdef12.h5"]


@pytest.mark.parametrize("letter", ["x", "ß", "試", "𠀋", "e\u0323\u0301"])
def test_the_longest_name_is_one_that_the_file_system_takes(letter: str, tmp_path: Path) -> None:
    fields = dict.fromkeys(FIELDS, letter * 5000)
    template = "".join(f"{{{name}}}" for name in FIELDS)
    path = tmp_path / naming.file_name(MOMENT, fields, RUN_ID, template)
    placing.replace_file(path, b"1", new=True)
    saved = _name_beside(path)
    placing.replace_file(saved, b"2", new=True)
    guardian_log(saved).write_text("3", encoding="utf-8")
    (tmp_path / f"{saved.stem}_exposure_samples.csv").write_text("4", encoding="utf-8")
    assert len(list(tmp_path.iterdir())) == 4
    assert set(reading.run_files_in(tmp_path)) == {path, saved}


def test_run_files_of_any_template_come_the_newest_first(tmp_path: Path) -> None:
    names = ["20260101T000000_a_00000001.h5", "Probe_7_00000002.h5", "20260301T000000_z_00000003.h5"]
    for name, moment in zip(names, (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)), strict=True):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (moment.timestamp(), moment.timestamp()))
    (tmp_path / "Probe_7.h5").touch()
    assert [path.name for path in reading.run_files_in(tmp_path)] == names[::-1]


def refused(template: str) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        Output(name=template)
    (error,) = caught.value.errors()
    return error["ctx"]


@pytest.mark.parametrize(
    "template",
    [
        "{sample.__class__}",
        "{sample[0]}",
        "{0}",
        "{}",
        "{sample!r}",
        "{sample:>99999999}",
        "{sample:{pixel}}",
        "{self}",
        "{Sample}",
    ],
)
def test_a_template_can_name_fields_and_nothing_else(template: str) -> None:
    said = refused(template)
    assert "is no field" in said["message"]
    assert all(f"{{{name}}}" in said["hint"] for name in FIELDS)


def test_a_slip_in_a_field_is_recognised() -> None:
    assert refused("{date}_{smaple}")["hint"].startswith("did you mean {sample}?")


@pytest.mark.parametrize(
    ("template", "said"),
    [("{sample", "brace"), ("sample}", "brace"), ("{date}/{sample}", "'/'"), (r"a\b", "'\\'"), ("a:b", "':'")],
)
def test_a_template_that_names_no_file_is_refused(template: str, said: str) -> None:
    assert said in refused(template)["message"]


@pytest.mark.parametrize("template", ["{date}_{batch}_{sample}", "{sample}", "{sample}_x", "{date}-{time}"])
def test_a_template_without_quotes_is_told_to_have_them(template: str, tmp_path: Path) -> None:
    text = (CONFIGS / "sweeps" / "quick_look.yaml").read_text(encoding="utf-8")
    path = tmp_path / "sweep.yaml"
    path.write_text(f"{text}output:\n  name: {template}\n".replace("../", f"{CONFIGS.as_posix()}/"), encoding="utf-8")
    (problem,) = check_file(path).problems
    assert problem.line == len(text.splitlines()) + 2
    assert problem.hint == f'write name: "{template}"'


def test_the_ending_may_be_written_and_a_folder_alone_is_short() -> None:
    assert Output(name="{sample}.h5").name == "{sample}"
    assert Output.model_validate("data") == Output(folder="data")
    assert json_schemas()["sweep"]["properties"]["output"]["anyOf"][0]["type"] == "string"
