from importlib import resources

import colour
import numpy as np
import pytest

from acquire.photometry import constants
from acquire.photometry.grid import WAVELENGTH
from acquire.photometry.observer import _observer, full_table, matching_slopes, observer, v_lambda

PUBLISHED_SUMS = (106.865469489595, 106.8569171011719, 106.892251278636)


def test_the_columns_add_up_to_the_published_sums():
    np.testing.assert_allclose(full_table().matching.sum(axis=1), PUBLISHED_SUMS, rtol=1e-12)


def test_the_table_is_that_of_colour_science():
    theirs = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]
    np.testing.assert_array_equal(full_table().wavelength, theirs.wavelengths)
    np.testing.assert_allclose(full_table().matching, theirs.values.T, rtol=0, atol=1e-12)


def test_driver_and_photometry_carry_the_same_table():
    names = ("acquire.photometry", "drivers")
    ours, theirs = (resources.files(name).joinpath("data", "cie1931_2deg_1nm.csv").read_bytes() for name in names)
    assert ours == theirs


def test_on_the_grid_the_functions_belong_to_their_wavelengths():
    assert observer().matching.shape == (3, 401)
    assert v_lambda()[WAVELENGTH == 555] == 1.0
    assert v_lambda()[WAVELENGTH == 380] == 3.9e-05


def test_maximum_efficacy_follows_from_the_candela():
    at_540_thz = constants.SPEED_OF_LIGHT / 540e12 * 1e9 / 1.00028
    v = np.interp(at_540_thz, full_table().wavelength, full_table().v_lambda)
    assert 683 / v == pytest.approx(constants.MAXIMUM_LUMINOUS_EFFICACY, rel=2e-6)


def test_an_altered_table_is_refused():
    table = np.column_stack((full_table().wavelength, full_table().matching.T))
    altered = table.copy()
    altered[100, 2] += 1e-6
    with pytest.raises(ValueError, match="column sums"):
        _observer(altered)
    with pytest.raises(ValueError, match="471 rows"):
        _observer(table[1:])


def test_the_table_travels_with_its_licence():
    text = resources.files("acquire.photometry").joinpath("data", "README.md").read_text("utf-8")
    assert "10.25039/CIE.DS.xvudnb9b" in text
    assert "https://creativecommons.org/licenses/by-sa/4.0/legalcode" in text


def test_slopes_are_those_of_the_table():
    i = int(np.flatnonzero(WAVELENGTH == 520)[0])
    v = v_lambda()
    assert matching_slopes()[1, i] == pytest.approx((v[i + 1] - v[i - 1]) / 2, rel=1e-12)


def test_no_caller_can_change_the_table():
    with pytest.raises(ValueError, match="read-only"):
        observer().matching[1, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        full_table().matching[1, 0] = 1.0
