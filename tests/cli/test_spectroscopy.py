"""The commands for what other instruments measured, on the shipped examples."""

import json

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from acquire.cli import commands as command_line
from docs import spectroscopy_examples
from tests.conftest import CONFIGS

EXAMPLES = CONFIGS / "examples"
PUBLISHED = CONFIGS / "published"


def told(*arguments, status=0):
    done = CliRunner().invoke(command_line.app, [str(argument) for argument in arguments])
    assert done.exit_code == status, (done.output, done.exception)
    return done


def as_json(*arguments):
    return json.loads(told(*arguments, "--json").stdout)


def test_the_examples_are_those_that_the_page_makes():
    for name, text in spectroscopy_examples.examples().items():
        assert (EXAMPLES / name).read_text(encoding="utf-8") == text, name


def test_the_published_recombination_resistances_stand_beside(tmp_path):
    files = [EXAMPLES / "impedance" / f"{name}.csv" for name in spectroscopy_examples.ARCS]
    found = as_json("impedance", *files, "--published", PUBLISHED / "d2nr03793a_fig5d.yaml", "--to", tmp_path)
    for one in found["spectra"]:
        figure = one["figures_of_merit"]["recombination_resistance"]
        assert one["kramers_kronig"]["passed"]
        assert figure["status"] == "ok"
        assert figure["value"] == pytest.approx(figure["published"], rel=2e-3)
    assert found["pictures"] == [str(tmp_path / "impedance.png")]
    assert (tmp_path / "impedance.png").stat().st_size > 10_000


def test_table_1_stands_beside_its_decays(tmp_path):
    names = list(spectroscopy_examples.FILMS)[1:3]
    files = [EXAMPLES / "pl_decay" / f"{name}.csv" for name in names]
    yields = ",".join(f"{100 * spectroscopy_examples.FILMS[name][0]:g} %" for name in names)
    published = PUBLISHED / "d2nr03793a_table1.yaml"
    found = as_json("pl-decay", *files, "--plqy", yields, "--published", published, "--to", tmp_path)
    for one in found["decays"]:
        assert one["supported"] == 1
        for name in ("pl_lifetime_intensity_average", "radiative_rate", "nonradiative_rate"):
            figure = one["figures_of_merit"][name]
            assert figure["status"] == "ok"
            assert figure["value"] == pytest.approx(figure["published"], rel=0.005), name
    assert (tmp_path / "pl_decay.png").stat().st_size > 10_000


def test_a_film_before_and_after(tmp_path):
    films = [EXAMPLES / "absorbance" / f"{name}.csv" for name in ("before", "after")]
    found = as_json("absorbance", *films, "--at", "450 nm", "--baseline", "600 to 800 nm", "--to", tmp_path)
    ratio = found["figures_of_merit"]["thickness_ratio"]
    assert abs(ratio["value"] - 0.62) < 3 * ratio["uncertainty"]
    assert (tmp_path / "after_absorbance.png").exists()
    assert found["names"] == ["pristine", "rinsed"]
    named = as_json("absorbance", *films, "--at", "450 nm", "--names", "as cast,annealed", "--formats", "none")
    assert named["names"] == ["as cast", "annealed"]


def test_an_hdf5_file_says_the_same(tmp_path, read_here):
    text = (EXAMPLES / "impedance" / "SPPO13.csv").read_text(encoding="utf-8")
    values = np.loadtxt(text.splitlines()[2:], delimiter=",").T
    with h5py.File(tmp_path / "z.h5", "w") as file:
        group = file.create_group("measurement/eis")
        group["frequency"] = values[0]
        group["impedance"] = values[1] - 1j * values[2]
        group["frequency"].attrs["units"] = "Hz"
        group["impedance"].attrs["units"] = "ohm"
    one = as_json("impedance", tmp_path / "z.h5", "--formats", "none")["spectra"][0]["figures_of_merit"]
    other = as_json("impedance", EXAMPLES / "impedance" / "SPPO13.csv", "--formats", "none")["spectra"][0]
    assert one == other["figures_of_merit"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("impedance", "nothing.csv"), "no such file"),
        (("impedance", EXAMPLES / "pl_decay" / "film_1.csv"), "no column of the frequency"),
        (("impedance", EXAMPLES / "impedance" / "SPPO13.csv", "--run", "a.h5"), "go together"),
        (("impedance", EXAMPLES / "impedance" / "SPPO13.csv", "--columns", "colour=1"), "ROLE=VALUE"),
        (("impedance", EXAMPLES / "impedance" / "SPPO13.csv", "--model", "two"), "auto"),
        (("pl-decay", EXAMPLES / "impedance" / "SPPO13.csv"), "no column of the time"),
        (("pl-decay", EXAMPLES / "pl_decay" / "film_1.csv", "--plqy", "120 %"), "at most 100 %"),
        (("pl-decay", EXAMPLES / "pl_decay" / "film_1.csv", "--plqy", "20 %,30 %"), "2 quantum yields for 1"),
        (("pl-decay", EXAMPLES / "pl_decay" / "film_1.csv", "--from", "99 ns"), "wider window"),
        (("absorbance", *[EXAMPLES / "absorbance" / "after.csv"] * 2, "--at", "450"), "no unit"),
        (("absorbance", *[EXAMPLES / "absorbance" / "after.csv"] * 2, "--at", "900 nm"), "beyond"),
        (
            ("absorbance", *[EXAMPLES / "absorbance" / "after.csv"] * 2, "--at", "450 nm", "--names", "one"),
            "two films have two names",
        ),
        (("impedance", CONFIGS / "sweeps" / "quick_look.yaml"), "no table"),
        (("impedance", CONFIGS), "folder"),
    ],
)
def test_what_is_wrong_is_one_message(arguments, said):
    done = told(*arguments, "--formats", "none", status=2)
    assert said in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
