"""How results show themselves: as text that is aligned, and as HTML that is valid."""

import html5lib
import numpy as np
import pytest

import bayesmm as bmm
from tests.fits import fit_of, posterior_of

FACES = {
    "model": lambda: fit_of("sleep").model,
    "design": lambda: fit_of("sleep").model.design,
    "estimate": lambda: fit_of("sleep"),
    "posterior": lambda: posterior_of("sleep"),
    "comparison": lambda: bmm.compare(posterior_of("sleep"), fit_of("sleep")),
}


@pytest.mark.parametrize("name", FACES)
def test_faces_are_valid_html_and_say_what_the_text_says(name):
    face = FACES[name]()
    fragment = html5lib.HTMLParser(strict=True).parseFragment(face._repr_html_())
    shown = " ".join(" ".join(fragment.itertext()).split())
    for line in repr(face).splitlines():
        for word in line.split():
            assert word in shown
    heads = [e for e in fragment.iter() if str(e.tag).endswith("}th")]
    assert all(head.get("scope") in {"row", "col"} for head in heads)
    assert not [e for e in fragment.iter() if str(e.tag).endswith(("}style", "}script"))]


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
