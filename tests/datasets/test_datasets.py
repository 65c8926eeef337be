"""The embedded data are the published data, and the catalogue tells the truth about them."""

import csv
import hashlib
import inspect
import io
import re
from importlib import resources

import pandas as pd
import pytest

from bayesmm.datasets import list_data, load_data
from bayesmm.datasets.catalogue import CATALOGUE, ENTRIES, Dataset
from bayesmm.datasets.load import csv_bytes, factor_columns, parse_csv
from bayesmm.errors import BayesmmError, DatasetError

FILES = resources.files("bayesmm.datasets") / "files"
LARGEST_PLAIN_FILE = 50_000  # bytes; larger files are kept compressed

every_dataset = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    """Every data set, read once; the tests here don't change them."""
    return {name: load_data(name) for name in CATALOGUE}


@pytest.fixture(scope="module")
def cells() -> dict[str, dict[str, tuple[str, ...]]]:
    """Every data set column by column as the csv module reads it, as a witness independent of pandas."""
    tables = {}
    for entry in ENTRIES:
        header, *rows = csv.reader(io.StringIO(csv_bytes(entry).decode()))
        tables[entry.name] = dict(zip(header, zip(*rows, strict=True), strict=True))
    return tables


# The files and the catalogue


def test_every_file_has_an_entry_and_every_entry_a_file():
    found = sorted(path.name.removesuffix(".gz").removesuffix(".csv") for path in FILES.iterdir())
    assert found == sorted(CATALOGUE)


def test_names_are_unique():
    assert len(CATALOGUE) == len(ENTRIES) == 19


def test_the_catalogue_is_read_only():
    with pytest.raises(TypeError):
        CATALOGUE["mine"] = ENTRIES[0]
    with pytest.raises(AttributeError):
        ENTRIES[0].rows = 1


def test_large_files_are_compressed_and_carry_no_time_stamp():
    for path in FILES.iterdir():
        raw = path.read_bytes()
        if path.name.endswith(".gz"):
            assert raw[4:8] == bytes(4), path.name  # the header's MTIME field, RFC 1952
        else:
            assert len(raw) <= LARGEST_PLAIN_FILE, path.name


@every_dataset
def test_checksum(entry: Dataset):
    assert hashlib.sha256(csv_bytes(entry)).hexdigest() == entry.sha256


@every_dataset
def test_rows_and_columns_are_as_described(entry: Dataset, frames):
    frame = frames[entry.name]
    assert len(frame) == entry.rows
    assert list(frame.columns) == list(entry.columns)
    assert frame.index.equals(pd.RangeIndex(entry.rows))
    assert frame.attrs == {}


@every_dataset
def test_texts_are_written(entry: Dataset):
    for text in (entry.description, entry.source, *entry.columns.values()):
        assert text.strip() == text != ""
        assert "\n" not in text
        assert not text.endswith(".")
    assert re.search(r"R package (lme4|nlme|mlmRev|afex)$", entry.source)


# The frames


@every_dataset
def test_values_are_those_of_the_file(entry: Dataset, frames, cells):
    for name, column in frames[entry.name].items():
        written = cells[entry.name][name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            assert tuple(map(str, column.tolist())) == written
        else:
            assert column.tolist() == list(map(float, written))


@every_dataset
def test_factors_are_the_quoted_columns(entry: Dataset, frames):
    first_row = csv_bytes(entry).decode().splitlines()[1]
    quoted = [cell.startswith('"') for cell in first_row.split(",")]
    factors = [isinstance(dtype, pd.CategoricalDtype) for dtype in frames[entry.name].dtypes]
    assert factors == quoted


@every_dataset
def test_factor_levels_are_unordered_sorted_and_observed(entry: Dataset, frames, cells):
    for name, column in frames[entry.name].select_dtypes("category").items():
        levels = column.cat.categories
        assert not column.cat.ordered
        assert list(levels) == sorted(set(column))
        if all(cell.isdecimal() for cell in cells[entry.name][name]):
            assert levels.dtype == "int64"
        else:
            assert all(isinstance(level, str) for level in levels)


@every_dataset
def test_numbers_are_int64_or_float64(entry: Dataset, frames, cells):
    for name, column in frames[entry.name].select_dtypes(exclude="category").items():
        whole = all(re.fullmatch(r"-?[0-9]+", cell) for cell in cells[entry.name][name])
        assert column.dtype == ("int64" if whole else "float64")


@every_dataset
def test_nothing_is_missing(entry: Dataset, frames):
    assert not frames[entry.name].isna().any(axis=None)


def test_each_call_gives_a_fresh_frame():
    mine = load_data("sleepstudy")
    mine["Reaction"] = 0.0
    del mine["Days"]
    mine.attrs["note"] = "mine"
    theirs = load_data("sleepstudy")
    assert list(theirs.columns) == ["Reaction", "Days", "Subject"]
    assert theirs["Reaction"].iloc[0] == 249.56
    assert theirs.attrs == {}


# Known values, typed in by hand


def test_first_rows_of_sleepstudy(frames):
    sleep = frames["sleepstudy"]
    assert sleep["Reaction"].iloc[:3].tolist() == [249.56, 258.7047, 250.8006]
    assert sleep["Days"].iloc[:3].tolist() == [0, 1, 2]
    assert sleep["Subject"].iloc[:3].tolist() == [308, 308, 308]


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("sleepstudy", {"Subject": 18}),
        ("Dyestuff", {"Batch": 6}),
        ("Penicillin", {"plate": 24, "sample": 6}),
        ("Pastes", {"batch": 10, "cask": 3, "sample": 30}),
        ("cake", {"recipe": 3, "replicate": 15, "temperature": 6}),
        ("Orthodont", {"Subject": 27, "Sex": 2}),
        ("Hsb82", {"school": 160}),
        ("Exam", {"school": 65}),
        ("Chem97", {"lea": 131, "school": 2410}),
        ("InstEval", {"s": 2972, "d": 1128, "dept": 14, "service": 2}),
        ("cbpp", {"herd": 15, "period": 4}),
        ("Contraception", {"district": 60}),
        ("VerbAgg", {"id": 316, "item": 24}),
        ("grouseticks", {"INDEX": 403, "BROOD": 118, "LOCATION": 63}),
        ("Arabidopsis", {"popu": 9}),
    ],
)
def test_numbers_of_levels(frames, name, levels):
    assert {column: len(frames[name][column].cat.categories) for column in levels} == levels


@pytest.mark.parametrize(
    ("name", "column", "mean", "digits"),
    [
        ("sleepstudy", "Reaction", 298.5079, 4),
        ("Dyestuff", "Yield", 1527.5, 4),
        ("Dyestuff2", "Yield", 5.6656, 4),
        ("Penicillin", "diameter", 22.9722, 4),
        ("Pastes", "strength", 60.0533, 4),
        ("Machines", "score", 59.65, 2),
        ("Orthodont", "distance", 24.02, 2),
        ("Oats", "yield", 103.97, 2),
    ],
)
def test_grand_means_known_from_the_literature(frames, name, column, mean, digits):
    assert round(frames[name][column].mean(), digits) == mean


def test_integer_levels_sort_as_numbers_and_others_as_strings(frames):
    assert frames["cake"]["replicate"].cat.categories.tolist() == list(range(1, 16))
    assert frames["Contraception"]["livch"].cat.categories.tolist() == ["0", "1", "2", "3+"]
    assert frames["Oats"]["Block"].cat.categories.tolist() == ["I", "II", "III", "IV", "V", "VI"]


def test_derived_columns_are_what_the_catalogue_says(frames):
    hsb, exam, chem = frames["Hsb82"], frames["Exam"], frames["Chem97"]
    grouse, verbal, institute = frames["grouseticks"], frames["VerbAgg"], frames["InstEval"]
    by_school = exam.groupby("school", observed=True)
    close = {"abs": 1e-6}  # schavg is published with seven digits
    assert hsb.groupby("school", observed=True)["ses"].transform("mean").tolist() == pytest.approx(
        hsb["meanses"].tolist(), **close
    )
    assert (hsb["ses"] - hsb["meanses"]).tolist() == pytest.approx(hsb["cses"].tolist(), **close)
    assert by_school["standLRT"].transform("mean").tolist() == pytest.approx(exam["schavg"].tolist(), **close)
    assert by_school["vr"].nunique().max() == 1
    assert exam.groupby("intake", observed=True)["standLRT"].mean().idxmax() == "bottom 25%"
    assert (chem["gcsescore"] - chem["gcsescore"].mean()).tolist() == pytest.approx(
        chem["gcsecnt"].tolist(), **close
    )
    assert chem.groupby("school", observed=True)["lea"].nunique().max() == 1
    assert (grouse["HEIGHT"] - grouse["HEIGHT"].mean()).tolist() == pytest.approx(
        grouse["cHEIGHT"].tolist(), **close
    )
    assert ((verbal["resp"] == "no") == (verbal["r2"] == "N")).all()
    assert institute.groupby("d", observed=True)["dept"].nunique().max() == 1


# Reading


def test_missing_cells_survive_as_missing():
    frame = parse_csv(b'"g","h","n","x"\nNA,"b",NA,0.5\n"2",NA,3,NA\n"10","a",4,1.5\n')
    assert frame["g"].cat.categories.tolist() == [2, 10]
    assert frame["h"].cat.categories.tolist() == ["a", "b"]
    assert frame.isna().to_numpy().tolist() == [
        [True, False, True, False],
        [False, True, False, True],
        [False, False, False, False],
    ]
    assert frame["n"].dtype == frame["x"].dtype == "float64"


def test_the_other_words_pandas_takes_for_missing_are_levels():
    assert parse_csv(b'"g"\n"None"\n"nan"\n')["g"].tolist() == ["None", "nan"]


def test_commas_and_quotes_inside_a_quoted_cell():
    raw = b'"g","x"\n"a, ""b""",1\n'
    assert factor_columns(raw) == ["g"]
    assert parse_csv(raw)["g"].tolist() == ['a, "b"']


def test_numbers_are_read_to_the_last_bit():
    raw = b'"x"\n-0.434382978723404\n-6.93889390390723e-18\n'
    assert parse_csv(raw)["x"].tolist() == [-0.434382978723404, -6.93889390390723e-18]


# The list, the docstring and the errors


def test_list_data():
    listed = list_data()
    assert listed.index.name == "name"
    assert listed.index.tolist() == list(CATALOGUE)
    assert listed.columns.tolist() == ["rows", "columns", "description", "source"]
    assert listed.loc["sleepstudy", "rows"] == 180
    assert listed.loc["sleepstudy", "columns"] == "Reaction, Days, Subject"
    assert "Belenky" in listed.loc["sleepstudy", "source"]


@every_dataset
def test_the_docstring_gives_sources_and_meanings(entry: Dataset):
    doc = " ".join(inspect.getdoc(load_data).split())
    assert f"**{entry.name}**, {entry.rows} rows. {entry.description}. Source: {entry.source}." in doc
    for column, meaning in entry.columns.items():
        assert f"- ``{column}``: {meaning}" in doc


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SleepStudy", "'sleepstudy'"),
        ("Penicilin", "'Penicillin'"),
        ("dyestuff", "'Dyestuff' or 'Dyestuff2'"),
    ],
)
def test_a_near_miss_is_named_but_not_loaded(name, meant):
    with pytest.raises(DatasetError) as caught:
        load_data(name)
    message = str(caught.value)
    assert f"no data set named '{name}'" in message
    assert "Expected: the name of an embedded data set, capitals included." in message
    assert f"did you mean {meant}?" in message
    assert "bayesmm.list_data()" in message


@pytest.mark.parametrize(
    "name", ["", "zzz", "sleepstudy.csv.gz/", "../catalogue", "sleepstudy\n", "x" * 10_000]
)
def test_a_name_like_no_other_is_answered_briefly(name):
    with pytest.raises(DatasetError, match=r"bayesmm\.list_data\(\)") as caught:
        load_data(name)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", [None, 3, ["sleepstudy"], b"sleepstudy", pd.DataFrame({"x": [1, 2]})])
def test_a_name_that_is_no_string(name):
    with pytest.raises(DatasetError, match=r"bayesmm\.list_data\(\)") as caught:
        load_data(name)
    assert f"can't be of type {type(name).__name__}" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_error_is_one_of_ours_and_a_lookup_error():
    with pytest.raises(BayesmmError):
        load_data("zzz")
    with pytest.raises(LookupError):
        load_data("zzz")
