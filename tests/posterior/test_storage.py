"""Posteriors in files: as they were, and what is wrong with those that can't be read."""

from pathlib import Path

import pytest
import xarray as xr

from bayesmm.errors import FileError, ModelError
from bayesmm.posterior import Posterior
from tests.posterior.conftest import model_of

SAVED = Path(__file__).parent.parent / "saved"


def test_round_trip(sleep_posterior, sleep_model, tmp_path):
    path = sleep_posterior.save(tmp_path / "sleep.nc")
    assert path == tmp_path / "sleep.nc"
    again = Posterior.load(path)
    assert again.model is None
    assert again.data.identical(sleep_posterior.data)
    assert again.certificate == sleep_posterior.certificate
    assert repr(again) == repr(sleep_posterior)
    assert again.summary().equals(sleep_posterior.summary())
    assert Posterior.load(str(path), model=sleep_model).model is sleep_model
    again.save(path)  # the file is closed after reading: it may be replaced
    path.unlink()


def test_a_file_of_the_first_version_still_loads(sleep_model):
    again = Posterior.load(SAVED / "posterior-0.1.0.nc", model=sleep_model)
    assert (again.method, again.data.attrs["bayesmm_version"]) == ("marginal", "0.1.0")
    assert again.summary().loc["Days", "mean"] == pytest.approx(10.5, abs=1.0)
    mu = again.predict({"Days": [9], "Subject": [308]}, draws=True)["predictions"]["mu"]
    assert float(mu.mean()) == pytest.approx(430.0, abs=10.0)


def test_a_file_of_another_model(sleep_posterior, tmp_path):
    path = sleep_posterior.save(tmp_path / "sleep.nc")
    with pytest.raises(ModelError, match=r"the posterior of 'Reaction ~ Days \+ \(Days \| Subject\)'"):
        Posterior.load(path, model=model_of("Reaction ~ Days + (1 | Subject)", "sleepstudy"))


def test_a_file_of_the_same_model_on_other_data(sleep_posterior, tmp_path):
    from bayesmm.datasets import load_data
    from bayesmm.model import MixedModel

    path = sleep_posterior.save(tmp_path / "sleep.nc")
    data = load_data("sleepstudy")
    other = MixedModel("Reaction ~ Days + (Days | Subject)", data.assign(Reaction=data.Reaction + 1))
    with pytest.raises(ModelError, match="of other data"):
        Posterior.load(path, model=other)
    shorter = MixedModel("Reaction ~ Days + (Days | Subject)", data.iloc[:-1])
    with pytest.raises(ModelError, match="of other data"):
        Posterior.load(path, model=shorter)
    diagonal = MixedModel("Reaction ~ Days + (Days | Subject)", data, covariance={"Subject": "diagonal"})
    with pytest.raises(ModelError, match="different parameters"):
        Posterior.load(path, model=diagonal)


def test_no_file(tmp_path):
    with pytest.raises(FileError, match="there is no file"):
        Posterior.load(tmp_path / "none.nc")
    with pytest.raises(FileError, match="there is no file"):
        Posterior.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not netCDF at all", b"\x89HDF\r\n\x1a\n broken"])
def test_a_file_that_is_not_netcdf(tmp_path, content):
    path = tmp_path / "bad.nc"
    path.write_bytes(content)
    with pytest.raises(FileError, match=f"can't be read as netCDF \\({len(content)} bytes\\)"):
        Posterior.load(path)


def test_a_file_cut_short(sleep_posterior, tmp_path):
    path = sleep_posterior.save(tmp_path / "sleep.nc")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FileError, match="can't be read as netCDF"):
        Posterior.load(path)


def test_a_netcdf_file_of_something_else(tmp_path):
    path = tmp_path / "other.nc"
    xr.DataTree.from_dict({"posterior": xr.Dataset({"x": ("i", [1.0])})}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FileError, match="no posterior of bayesmm's"):
        Posterior.load(path)


def test_a_folder_that_does_not_exist(sleep_posterior, tmp_path):
    with pytest.raises(FileError, match="can't be written"):
        sleep_posterior.save(tmp_path / "none" / "sleep.nc")
