"""The page is valid, complete in itself, readable without eyes, the same each time."""

import base64
import re
import time
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from tests.fits import fit_of, posterior_of
from tests.reporting.html_page import PAGES as NAMES
from tests.reporting.html_page import every, page_of, parsed, text_of, tree_of

PAGES = [(name, False) for name in NAMES] + [("sleep", True), ("dyestuff2", True), ("hsb", True)]
every_page = pytest.mark.parametrize(
    ("name", "bayes"), PAGES, ids=[f"{name}{'-bayes' if bayes else ''}" for name, bayes in PAGES]
)


def nasty_data() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    levels = ["<b>bold</b>", 'say "x"', "a & b", "it's", "</style><script>alert(1)</script>", "{{ 7 * 7 }}"]
    groups = np.repeat(levels, 8)
    x = rng.normal(size=48)
    kinds = np.tile(["<i>", "R&D", "'q\""], 16)
    return pd.DataFrame({"y <ms>": x + rng.normal(size=48), "a&b": x, "k": kinds, "g": groups})


@pytest.fixture(scope="module")
def nasty() -> bmm.Report:
    model = bmm.Model("`y <ms>` ~ `a&b` + k + (1 | g)", nasty_data())
    title = 'A "title" with <em>, & and </title><script>'
    return bmm.report(model, model.fit(), title=title, question="Is 1 < 2 & 'so'?")


@every_page
def test_the_page_is_valid_and_its_headings_are_in_order(name, bayes):
    tree = tree_of(name, bayes)
    assert tree.get("lang") == "en-GB"
    assert len(list(every(tree, "h1"))) == 1
    levels = [int(e.tag[-1]) for e in tree.iter() if re.fullmatch(r".*\}h[1-6]", str(e.tag))]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(list(every(tree, "main"))) == 1


@every_page
def test_ids_are_unique_and_links_within_the_page_arrive(name, bayes):
    tree = tree_of(name, bayes)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    targets = [link.get("href") for link in every(tree, "a")]
    assert targets
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    labels = [e.get("aria-labelledby") for e in tree.iter() if e.get("aria-labelledby")]
    assert set(labels) <= set(ids)


@every_page
def test_the_page_needs_neither_network_nor_scripts(name, bayes):
    page = page_of(name, bayes).html
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {"http://www.w3.org/1998/Math/MathML"}
    tree = parsed(page)
    assert not list(every(tree, "script"))
    assert not list(every(tree, "link"))
    assert all(image.get("src").startswith("data:image/") for image in every(tree, "img"))
    assert not [key for element in tree.iter() for key in element.attrib if key.startswith("on")]
    assert "url(" not in page.split("</style>")[0]
    assert "@import" not in page


@every_page
def test_pictures_say_what_is_seen_and_tables_what_they_hold(name, bayes):
    tree = tree_of(name, bayes)
    images = list(every(tree, "img"))
    assert len(images) >= 2
    for image in images:
        assert len(image.get("alt").split()) > 8
        assert "nan" not in image.get("alt").split()
        kind, data = re.fullmatch(r"data:image/([a-z+]+);base64,(.*)", image.get("src")).groups()
        start = base64.b64decode(data)[:8]
        assert start.startswith(b"<?xml" if kind == "svg+xml" else b"\x89PNG")
    assert len(list(every(tree, "figcaption"))) == len(list(every(tree, "figure")))
    for table in every(tree, "table"):
        assert text_of(next(every(table, "caption")))
        heads = list(every(table, "th"))
        assert all(head.get("scope") in {"col", "row", "colgroup"} for head in heads)


@every_page
def test_no_number_is_missing_from_what_is_said(name, bayes):
    tree = tree_of(name, bayes)
    body = text_of(next(every(tree, "body")))
    assert not re.search(r"\b(nan|None|inf|undefined variable)\b|\{\{|\}\}", body)


def test_equal_arguments_give_equal_pages():
    estimate, posterior = fit_of("sleep"), posterior_of("sleep")
    again = bmm.report(estimate.model, estimate, posterior)
    assert again.html == page_of("sleep", bayes=True).html


def test_settings_of_matplotlib_do_not_count_and_are_left_alone():
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    estimate = fit_of("dyestuff")
    before = page_of("dyestuff").html
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.hashsalt": "other"}):
        kept = dict(mpl.rcParams)
        assert bmm.report(estimate.model, estimate).html == before
        assert dict(mpl.rcParams) == kept
    assert not plt.get_fignums()


def test_names_and_levels_are_text_never_markup(nasty):
    tree = parsed(nasty.html)
    assert not list(every(tree, "script"))
    assert not list(every(tree, "em"))
    assert not list(every(tree, "b"))
    assert text_of(next(every(tree, "h1"))) == 'A "title" with <em>, & and </title><script>'
    assert text_of(next(every(tree, "title"))) == 'A "title" with <em>, & and </title><script>'
    body = text_of(next(every(tree, "body")))
    assert "Is 1 < 2 & 'so'?" in body
    assert "y <ms>" in body
    assert "k[R&D]" in body
    assert "49" not in re.findall(r"\b49\b", "".join(image.get("alt") for image in every(tree, "img")))


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(nasty):
    import html5lib

    frame = html5lib.HTMLParser(strict=True).parseFragment(nasty._repr_html_())[0]
    assert frame.tag.endswith("iframe")
    assert frame.get("srcdoc") == nasty.html
    assert repr(nasty).startswith('Report(\'A "title"')


def test_thousands_of_groups_are_reported_soon_and_on_a_small_page():
    estimate = bmm.Model("y ~ service + (1 | s) + (1 | d) + (1 | dept)", bmm.load_data("InstEval")).fit()
    started = time.perf_counter()
    page = bmm.report(estimate.model, estimate)
    assert time.perf_counter() - started < 15
    assert len(page.html.encode()) < 3_000_000
    parsed(page.html)


@pytest.mark.usefixtures("undrawn")
def test_saving_gives_the_path_and_bad_places_an_error(tmp_path):
    estimate = fit_of("dyestuff")
    path = tmp_path / "page.html"
    page = bmm.report(estimate.model, estimate, path=path)
    assert path.read_text(encoding="utf-8") == page.html
    assert page.save(str(tmp_path / "other.html")) == tmp_path / "other.html"
    with pytest.raises(bmm.FileError, match="can't be written"):
        page.save(tmp_path / "nowhere" / "page.html")
    with pytest.raises(bmm.FileError, match="can't be written"):
        page.save(tmp_path)


@pytest.mark.usefixtures("undrawn")
def test_what_is_of_another_model_is_refused():
    sleep, dyestuff = fit_of("sleep"), fit_of("dyestuff")
    with pytest.raises(bmm.ModelError, match="of another model"):
        bmm.report(dyestuff.model, sleep)
    with pytest.raises(bmm.ModelError, match="report got a str"):
        bmm.report(sleep.model, "estimate")
    with pytest.raises(bmm.ModelError, match="report got a Estimate twice"):
        bmm.report(sleep, dyestuff)
    comparison = bmm.compare(posterior_of("sleep"), sleep)
    other = sleep.model.fit(reml=False)
    with pytest.raises(bmm.ModelError, match="of another estimate"):
        bmm.report(sleep.model, other, posterior_of("sleep"), comparison)
    alone = bmm.report(sleep.model, sleep, comparison=comparison)
    assert alone.html == bmm.report(sleep.model, sleep, posterior_of("sleep")).html


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("given", ["estimate", "posterior", "model"])
def test_one_answer_is_enough(given):
    estimate, posterior = fit_of("dyestuff"), posterior_of("dyestuff")
    first = {"estimate": estimate, "posterior": posterior, "model": estimate.model}[given]
    wanted = bmm.report(estimate.model, estimate, posterior if given == "posterior" else None).html
    assert bmm.report(first).html == wanted
    with pytest.raises(bmm.ModelError, match="without its model"):
        bmm.report(bmm.Posterior(posterior.data))


def test_a_posterior_that_has_no_estimate_beside_it_has_the_page_for_itself():
    """One row a level: only priors tell the two variances apart, and REML can't."""
    data = bmm.load_data("sleepstudy").iloc[:12].assign(row=range(12))
    model = bmm.Model("Reaction ~ Days + (1 | row)", data)
    with pytest.raises(bmm.DataError, match="12 levels in 12 rows"):
        bmm.report(model)
    posterior = model.sample(draws=500, random_seed=1, progressbar=False)
    page = bmm.report(posterior)
    assert "REML" not in page.html
    assert "posterior = model.sample(" in page.html
    assert "estimate = model.fit(" not in page.html
    assert "There is no estimate: only the priors tell the variances apart." in page.html
    assert page.paper.startswith("We fitted a linear mixed model of Reaction")
    assert "The posterior of the same model was sampled" in page.paper
    for name, value in posterior.beta.items():
        assert f"{value:.1f}".replace("-", "−")[:4] in page.html, name
