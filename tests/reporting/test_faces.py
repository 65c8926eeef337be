"""How results show themselves: as text that is aligned, and as HTML that is valid."""

import html5lib
import numpy as np
import pytest

import bayesmm as bmm
from tests.fits import data_of, fit_of, posterior_of

FACES = {
    "model": lambda name: fit_of(name).model,
    "design": lambda name: fit_of(name).model.design,
    "estimate": lambda name: fit_of(name),
    "posterior": lambda name: posterior_of(name),
    "comparison": lambda name: bmm.compare(posterior_of(name), fit_of(name)),
    "estimate's certificate": lambda name: fit_of(name).certificate,
    "posterior's certificate": lambda name: posterior_of(name).certificate,
}
SMALL = {
    "term": lambda name: fit_of(name).model.design.terms[0],
    "factor": lambda name: fit_of(name).model.design.terms[0].factor,
    "columns": lambda name: fit_of(name).model.design.fixed,
    "profile": lambda name: fit_of(name).profile("sigma", prob=0.9),
}
"""What has one line in a terminal and a page in a notebook."""
LINES = {
    "formula": lambda name: fit_of(name).model.formula,
    "rebuilt": lambda name: fit_of(name).model.design.rebuild(data_of(name)),
    "likelihood": lambda name: fit_of(name).model.likelihood,
    "layout": lambda name: fit_of(name).model.likelihood.layout,
    "prior": lambda name: next(iter(fit_of(name).model.priors.values())),
}
"""What has one line everywhere."""
every_name = pytest.mark.parametrize("name", ["sleep", "long"])


def page(face):
    return html5lib.HTMLParser(strict=True).parseFragment(face._repr_html_())


@every_name
@pytest.mark.parametrize("face", FACES)
def test_faces_are_valid_html_and_say_what_the_text_says(face, name):
    shown = FACES[face](name)
    fragment = page(shown)
    said = " ".join(" ".join(fragment.itertext()).split())
    for line in repr(shown).splitlines():
        for word in line.split():
            assert word in said
    heads = [e for e in fragment.iter() if str(e.tag).endswith("}th")]
    assert all(head.get("scope") in {"row", "col"} for head in heads)
    assert not [e for e in fragment.iter() if str(e.tag).endswith(("}style", "}script"))]


@every_name
@pytest.mark.parametrize("face", [*SMALL, *LINES])
def test_small_objects_have_one_line_and_dump_no_arrays(face, name):
    shown = (SMALL | LINES)[face](name)
    text = repr(shown)
    assert len(text.splitlines()) == 1
    assert len(text) < 250
    assert "array(" not in text
    if face in SMALL:
        assert list(page(shown).iter("{http://www.w3.org/1999/xhtml}table"))


def test_a_term_shows_its_group_its_columns_and_its_first_rows():
    term = fit_of("sleep").model.design.terms[0]
    assert repr(term) == "RandomTerm('Days | Subject': 2 columns × 18 levels, unstructured)"
    said = " ".join(" ".join(page(term).itertext()).split())
    for words in ("Subject, 18 levels of 10 rows", "2 × 18: Intercept, Days", "unstructured, 3 parameters"):
        assert words in said
    assert repr(term.factor) == "Factor('Subject': 18 levels of 10 rows)"
    uneven = fit_of("hsb").model.design.factors["school"]
    assert repr(uneven) == "Factor('school': 160 levels of 14 to 67 rows)"


def test_a_design_shows_sizes_terms_and_first_rows():
    text = repr(fit_of("hsb").model.design)
    assert "7185 × 6" in text
    assert "7185 × 320" in text
    assert "(cses | school)" in text
    data = bmm.load_data("Hsb82")
    last = next(line for line in text.splitlines() if line.split()[:1] == [str(data.index[4])])
    assert float(last.split()[1]) == pytest.approx(data["mAch"].iloc[4], abs=5e-4)
    assert last.split()[-1] == str(data["school"].iloc[4])


def test_a_wide_design_shows_some_columns_and_how_many_more():
    rng, data = np.random.default_rng(1), bmm.load_data("sleepstudy")
    for i in range(12):
        data[f"x{i}"] = rng.normal(size=len(data))
    formula = "Reaction ~ " + " + ".join(f"x{i}" for i in range(12)) + " + (1 | Subject)"
    text = repr(bmm.Model(formula, data).design)
    assert "… (5 more)" in text
    assert max(map(len, text.splitlines())) < 140
