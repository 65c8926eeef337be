"""Columns of X to R's figures: R 4.2.2, splines 4.2.2 and MASS, in the calls that stand with them.

x <- c(1, 2.5, 3, 4.2, 5.1, 7, 8.8, 9, 10); new <- c(0.5, 4, 11)
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesmm.design import build_design

# expression | rows 1, 4 and 9 of the basis b, and predict(b, new), with digits = 10
BASES = {
    # b <- ns(x, 3)
    "ns(x, 3)": (
        [
            [0, 0, 0],
            [0.05131146965, 0.5175060448, -0.3727698848],
            [-0.1259309411, 0.4512525389, 0.6746784022],
        ],
        [
            [0.03376600836, -0.1209948633, 0.08722885492],
            [0.01886725706, 0.5135262487, -0.3701771143],
            [-0.5016926202, 0.547731889, 0.9539607312],
        ],
    ),
    # b <- ns(x, knots = c(3, 6), intercept = TRUE)
    "0 + ns(x, knots=c(3, 6), intercept=TRUE)": (
        [
            [-0.2264554068, -0.2324632246, 0.6392738678, -0.4068106431],
            [0.5885822076, 0.2534000934, 0.1706799019, -0.1011339635],
            [0, -0.1505376344, 0.4139784946, 0.7365591398],
        ],
        [
            [-0.482250652, -0.2750739953, 0.756453487, -0.4813794917],
            [0.609159494, 0.2083439827, 0.1746730953, -0.1068266018],
            [0, -0.4408602151, 0.4623655914, 0.9784946237],
        ],
    ),
    # b <- ns(x, df = 2, Boundary.knots = c(2, 9))
    "ns(x, df=2, Boundary.knots=c(2, 9))": (
        [
            [-0.2296078596, 0.1474545888],
            [0.447589968, -0.2424255534],
            [0.206697674, 1.142487732],
        ],
        [
            [-0.3444117895, 0.2211818831],
            [0.4159795636, -0.2333204909],
            [0.08447131717, 1.496211081],
        ],
    ),
    # b <- bs(x, df = 5)
    "bs(x, df=5)": (
        [
            [0, 0, 0, 0, 0],
            [0.2374462327, 0.5665061377, 0.1956094896, 0.0004381400953, 0],
            [0, 0, 0, 0, 1],
        ],
        [
            [-0.6810968066, 0.04477657684, -0.0007515632516, 0, 0],
            [0.281861679, 0.5559219296, 0.1621616239, 5.476751191e-05, 0],
            [0, -0.007467144564, 0.2479212433, -2.083625395, 2.843171296],
        ],
    ),
    # b <- bs(x, knots = c(3, 6), degree = 2, intercept = TRUE)
    "0 + bs(x, knots=c(3, 6), degree=2, intercept=True)": (
        [[1, 0, 0, 0, 0], [0, 0.216, 0.7154285714, 0.06857142857, 0], [0, 0, 0, 0, 1]],
        [
            [1.5625, -0.5875, 0.025, 0, 0],
            [0, 0.2666666667, 0.6857142857, 0.04761904762, 0],
            [0, 0, 0.03571428571, -0.5982142857, 1.5625],
        ],
    ),
    # b <- poly(x, 3)
    "poly(x, 3)": (
        [
            [-0.5077968522, 0.5962325357, -0.4376818475],
            [-0.1562451853, -0.3358079688, 0.2255819979],
            [0.480942211, 0.4560166317, 0.5015301108],
        ],
        [
            [-0.5627268001, 0.8297972711, -0.9076227731],
            [-0.1782171645, -0.3060743799, 0.2630830819],
            [0.5908021069, 0.9157527984, 1.718729798],
        ],
    ),
    # b <- poly(x, 2, raw = TRUE)
    "poly(x, 2, raw=TRUE)": ([[1, 1], [4.2, 17.64], [10, 100]], [[0.5, 0.25], [4, 16], [11, 121]]),
    # scale(x); (new - mean(x)) / sd(x)
    "scale(x)": (
        [[-1.4362663906], [-0.4419281202], [1.3603099949]],
        [[-1.5916317453], [-0.5040742621], [1.6710407044]],
    ),
    # scale(x, center = FALSE); new / sqrt(sum(x^2) / 8)
    "scale(x, center=FALSE)": (
        [[0.1475743512], [0.6198122752], [1.4757435124]],
        [[0.07378717562], [0.59029740496], [1.62331786363]],
    ),
    # log(x, 2), log(new, 2); the same to the bases 10 and 3
    "log(x, 2)": ([[0], [2.070389328], [3.321928095]], [[-1], [2], [3.459431619]]),
    "log(x, base=10)": ([[0], [0.6232492904], [1]], [[-0.3010299957], [0.6020599913], [1.041392685]]),
    "log(x, 3)": ([[0], [1.306270228], [2.095903274]], [[-0.6309297536], [1.261859507], [2.182658339]]),
}


@pytest.fixture
def data() -> pd.DataFrame:
    x = [1, 2.5, 3, 4.2, 5.1, 7, 8.8, 9, 10]
    return pd.DataFrame({"x": x, "y": np.sin(np.arange(9.0)), "g": [1, 2, 3] * 3, "z": np.cos(x)})


@pytest.mark.parametrize("call", BASES)
def test_bases_and_transforms_have_r_s_columns_on_the_rows_of_the_fit_and_on_others(data, call: str):
    design = build_design(f"y ~ {call} + (1 | g)", data)
    fitted, predicted = BASES[call]
    first = 0 if call.startswith("0") else 1
    np.testing.assert_allclose(design.X[[0, 3, 8], first:], fitted, rtol=2e-9, atol=1e-12)
    rebuilt = design.rebuild({"x": [0.5, 4, 11], "g": [1, 1, 1]})
    np.testing.assert_allclose(rebuilt.X[:, first:], predicted, rtol=2e-9, atol=1e-12)


def test_a_basis_stands_in_interactions_and_behind_bars_with_its_state(data):
    with pytest.warns(UserWarning, match="linearly"):
        design = build_design("y ~ z:ns(x, 2) + z:bs(x, 3) + (0 + ns(x, 2) | g)", data)
    alone = build_design("y ~ ns(x, 2) + (1 | g)", data)
    np.testing.assert_allclose(design.X[:, 1:3], data[["z"]].to_numpy() * alone.X[:, 1:])
    np.testing.assert_array_equal(design.terms[0].Xi, alone.X[:, 1:])
    np.testing.assert_allclose(design.rebuild(data[4:5]).X, design.X[4:5], rtol=1e-13)
    np.testing.assert_allclose(design.rebuild(data[4:5]).terms[0].Xi, alone.X[4:5, 1:], rtol=1e-13)


# expression | levels(cut(…))[cut(…)] of x
INTERVALS = {
    "cut(x, 3)": ["(0.991,4]"] * 3 + ["(4,7]"] * 3 + ["(7,10]"] * 3,
    "cut(x, c(0, 2.5, 5, 10))": ["(0,2.5]"] * 2 + ["(2.5,5]"] * 2 + ["(5,10]"] * 5,
    "cut(x, c(1, 5, 10), include.lowest=TRUE)": ["[1,5]"] * 4 + ["(5,10]"] * 5,
    "cut(x, c(1, 5, 10), right=FALSE, include.lowest=TRUE)": ["[1,5)"] * 4 + ["[5,10]"] * 5,
    "cut(x / 1000, 4)": ["(0.000991,0.00325]"] * 3
    + ["(0.00325,0.0055]"] * 2
    + ["(0.0055,0.00775]"]
    + ["(0.00775,0.01]"] * 3,
    "cut(x + 123456, 2)": ["(123457,123462]"] * 5 + ["(123462,123466]"] * 4,
    "cut(x, c(0, 5, 10), labels=c('low', 'high'))": ["low"] * 4 + ["high"] * 5,
}


@pytest.mark.parametrize("call", INTERVALS)
def test_cut_makes_r_s_intervals(data, call: str):
    design = build_design(f"y ~ 0 + {call} + (1 | g)", data)
    (term,) = design.fixed.terms
    intervals = [term.levels[column] for column in design.X.argmax(axis=1)]
    assert intervals == INTERVALS[call]
    assert list(dict.fromkeys(intervals)) == list(term.levels)
    np.testing.assert_array_equal(design.rebuild(data[6:7]).X, design.X[6:7])


def test_cut_may_give_numbers(data):
    # cut(x, 3, labels = FALSE)
    design = build_design("y ~ cut(x, 3, labels=FALSE) + (1 | g)", data)
    assert design.X[:, 1].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_cut_may_be_ordered(data):
    design = build_design("y ~ cut(x, 3, ordered_result=True) + (1 | g)", data)
    assert [name[-4:] for name in design.names[1:]] == ["[.L]", "[.Q]"]


# coding | the columns of levels a, b, c, d, … | their labels
CODINGS = {
    # contr.treatment(4, base = 3)
    "C(f, contr.treatment(base=3))": ([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]], "abd"),
    "C(f, Treatment('c'))": ([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]], "abd"),
    "C(f, Treatment(reference='c'))": ([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]], "abd"),
    "relevel(f, ref='c')": ([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]], "abd"),
    "T(f, 'c')": ([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]], "abd"),
    "C(f, Treatment)": ([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], "bcd"),
    "C(f)": ([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], "bcd"),
    "factor(f, levels=c('d', 'c', 'b', 'a'))": ([[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0]], "cba"),
    # contr.sum(4)
    "C(f, Sum)": ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]], "abc"),
    "C(f, Sum())": ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]], "abc"),
    "C(f, contr.sum)": ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]], "abc"),
    "C(f, 'contr.sum')": ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]], "abc"),
    "S(f)": ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]], "abc"),
    "C(f, Sum('a'))": ([[-1, -1, -1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], "bcd"),
    # contr.helmert(4)
    "C(f, Helmert)": ([[-1, -1, -1], [1, -1, -1], [0, 2, -1], [0, 0, 3]], "bcd"),
    "C(f, contr.helmert())": ([[-1, -1, -1], [1, -1, -1], [0, 2, -1], [0, 0, 3]], "bcd"),
    # MASS::contr.sdif(4)
    "C(f, Diff)": (
        [[-0.75, -0.5, -0.25], [0.25, -0.5, -0.25], [0.25, 0.5, -0.25], [0.25, 0.5, 0.75]],
        ["b-a", "c-b", "d-c"],
    ),
    # contr.poly(5)
    "ordered(h)": (
        [
            [-0.632455532, 0.5345224838, -0.316227766, 0.1195228609],
            [-0.316227766, -0.2672612419, 0.632455532, -0.4780914437],
            [0, -0.5345224838, 0, 0.7171371656],
            [0.316227766, -0.2672612419, -0.632455532, -0.4780914437],
            [0.632455532, 0.5345224838, 0.316227766, 0.1195228609],
        ],
        [".L", ".Q", ".C", "^4"],
    ),
    # contr.poly(4, scores = c(1, 2, 4, 8))
    "C(f, Poly(c(1, 2, 4, 8)))": (
        [
            [-0.5128776445, 0.5296271413, -0.4543694674],
            [-0.3263766829, -0.1059254283, 0.7951465679],
            [0.04662524041, -0.7679593549, -0.397573284],
            [0.792629087, 0.3442576419, 0.05679618342],
        ],
        [".L", ".Q", ".C"],
    ),
    "C(f, own)": ([[1, 0], [1, 0], [-1, 1], [-1, -1]], "12"),
    "C(f, named)": ([[1, 0], [1, 0], [-1, 1], [-1, -1]], ["first half", "c or d"]),
}
OWN = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]])
NAMED = pd.DataFrame(OWN, index=list("abcd"), columns=["first half", "c or d"]).loc[list("dbca")]


@pytest.fixture
def factors() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 80
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "f": rng.permutation(np.tile(list("abcd"), n // 4)),
            "h": rng.permutation(np.tile(list("abcde"), n // 5)),
            "g": np.tile(np.arange(8), n // 8),
        }
    )


@pytest.mark.parametrize("call", CODINGS)
@pytest.mark.parametrize("formula", ["y ~ {} + (1 | g)", "y ~ x * {} + (1 | g)", "y ~ 1 + ({} | g)"])
def test_factors_have_r_s_contrasts(factors: pd.DataFrame, call: str, formula: str):
    matrix, labels = CODINGS[call]
    design = build_design(formula.format(call), factors, namespace={"own": OWN, "named": NAMED})
    levels = factors["h" if "(h)" in call else "f"]
    wanted = np.array(matrix, dtype=float)[levels.map("abcde".index)]
    columns = design.terms[0].Xi[:, 1:] if "1 + (" in formula else design.X[:, -wanted.shape[1] :]
    if "x *" in formula:
        wanted *= factors[["x"]].to_numpy()
    np.testing.assert_allclose(columns, wanted, rtol=2e-9, atol=1e-15)
    names = design.terms[0].columns if "1 + (" in formula else design.names
    assert [name.endswith(f"[{label}]") for name, label in zip(names[-len(labels) :], labels, strict=True)]
    one = design.rebuild(factors.iloc[[11]])
    np.testing.assert_allclose(one.X[0], design.X[11], rtol=1e-13)
    np.testing.assert_allclose(one.terms[0].Xi[0], design.terms[0].Xi[11], rtol=1e-13)


@pytest.mark.parametrize("call", ["C(f, Sum)", "ordered(f)", "C(f, Helmert)", "C(f, own)", "f"])
@pytest.mark.parametrize("formula", ["y ~ 0 + {} + (1 | g)", "y ~ 1 + (0 + {} | g)", "y ~ {}:x + (1 | g)"])
def test_without_an_intercept_every_coding_gives_indicators(factors, call: str, formula: str):
    # colnames(model.matrix(~ 0 + o)); colnames(model.matrix(~ x:C(o, contr.sum))): a column for each level
    design = build_design(formula.format(call), factors, namespace={"own": OWN})
    columns = design.terms[0].Xi if "(0 +" in formula else design.X[:, -4:]
    wanted = factors["f"].to_numpy()[:, None] == np.array(list("abcd"))
    np.testing.assert_array_equal(columns, wanted * (factors[["x"]].to_numpy() if ":x" in formula else 1.0))


def test_every_coding_of_a_factor_is_the_same_model(factors: pd.DataFrame):
    plain = build_design("y ~ x * f + (1 | g)", factors).X
    for coding in ("Sum", "Helmert", "Diff", "Poly", "Treatment('d')"):
        other = build_design(f"y ~ x * C(f, {coding}) + (1 | g)", factors).X
        both = np.linalg.matrix_rank(np.hstack([plain, other]))
        assert both == np.linalg.matrix_rank(plain) == np.linalg.matrix_rank(other) == 8
