"""Where columns vary, what they are products of, and which factors are nested: by hand-made data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesmm.design import build_design
from bayesmm.equations.groups import free_name, grouping_of
from bayesmm.equations.notation import Frame, numbers
from bayesmm.equations.parts import LONGEST, Parts, split_name
from bayesmm.equations.tree import Number, Power, Product, Sum, Symbol, evaluate, signed
from tests.designs import simulated
from tests.equations.cases import deep


def parts_of(formula: str, data: pd.DataFrame) -> Frame:
    return Frame.of(build_design(formula, data))


@pytest.mark.parametrize(
    ("random", "nested", "names"),
    [
        ("(1 | a)", True, ["a"]),
        ("(1 | a/b)", True, ["a:b", "a"]),
        ("(1 | a/b/c)", True, ["a:b:c", "a:b", "a"]),
        ("(1 | a) + (1 | h)", False, ["h", "a"]),
        ("(1 | a/b) + (1 | h)", False, ["a:b", "h", "a"]),
        ("(1 | a) + (0 + x | a)", True, ["a"]),
    ],
)
def test_nesting(random: str, nested: bool, names: list[str]):
    grouping = grouping_of(build_design(f"y ~ x + {random}", deep()), set())
    assert grouping.nested == nested
    assert [group.name for group in grouping.groups] == names


def test_a_factor_that_is_nested_without_saying_so():
    """Casks with labels of their own lie in batches though no formula says it."""
    data = deep()
    data["cask"] = data["a"] * 10 + data["b"]
    grouping = grouping_of(build_design("y ~ x + (1 | cask) + (1 | a)", data), set())
    assert grouping.nested
    data.loc[0, "a"] = 3  # one row out of place
    assert not grouping_of(build_design("y ~ x + (1 | cask) + (1 | a)", data), set()).nested


def test_two_factors_with_the_same_partition_are_no_chain():
    assert not grouping_of(build_design("y ~ x + (1 | a) + (1 | a_again)", simulated()), set()).nested


def test_a_chain_of_five_levels_has_bracketed_indices():
    data = deep()
    data["d"] = np.arange(200) % 5 // 3
    grouping = grouping_of(build_design("y ~ x + (1 | a/b/c/d)", data), set())
    assert not grouping.nested
    assert [group.index for group in grouping.groups] == ["j", "k", "l", "m"]
    assert grouping.subscripts(2) == ("k[i]",)


def test_more_factors_than_letters():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"g{n}": rng.integers(0, 3, 60) for n in range(12)})
    frame["y"] = rng.normal(size=60)
    bars = " + ".join(f"(1 | g{n})" for n in range(12))
    grouping = grouping_of(build_design(f"y ~ 1 + {bars}", frame), set())
    assert len({group.index for group in grouping.groups}) == 12
    assert len({group.effect for group in grouping.groups}) == 12


@pytest.mark.parametrize(
    ("column", "home"),
    [("x", 0), ("m", 1), ("z", 2), ("one_row_differs", 0), ("rounding", 2), ("negative", 2)],
)
def test_where_a_column_varies(column: str, home: int):
    data = deep()
    data["one_row_differs"] = data["z"].astype(float)
    data.loc[7, "one_row_differs"] += 1e-3
    data["rounding"] = data["z"] / 3 + np.where(np.arange(200) % 2, 1e-16, 0.0)
    data["negative"] = -1e6 - data["a"]
    grouping = grouping_of(build_design("y ~ x + (1 | a/b)", data), set())
    assert grouping.home_of(data[column].to_numpy(dtype=float)) == home


def test_where_a_column_varies_is_unknown_with_one_row_a_level():
    grouping = grouping_of(build_design("y ~ x + (1 | a/b)", deep()), set())
    defined = np.zeros(200, dtype=bool)
    defined[::10] = True
    assert grouping.home_of(np.arange(200.0), defined & (np.arange(200) % 40 == 0)) == 0


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("x", ["x"]),
        ("x:f[a:b]", ["x", "f[a:b]"]),
        ("poly(x, 2)[1]:f[b]:z", ["poly(x, 2)[1]", "f[b]", "z"]),
        ("f(x, 'a:b'):z", ["f(x, 'a:b')", "z"]),
        ("f[it's]:x", ["f[it's]", "x"]),
        ("f[[odd]:x", ["f[[odd]:x"]),
    ],
)
def test_names_are_parted_at_their_own_colons(name: str, pieces: list[str]):
    assert split_name(name) == pieces


def names(parts) -> list[str]:
    return [part.name for part in parts]


def test_an_interaction_is_the_product_of_its_columns():
    frame = parts_of("y ~ x*c + (x | a)", simulated())
    assert names(frame.fixed[3]) == ["x", "c[q]"]


def test_a_factor_of_an_interaction_that_stands_nowhere_else_is_divided_out():
    data = simulated()
    data["v"] = data["a"] ** 2 + 1.0
    frame = parts_of("y ~ x + x:v + (x | a)", data)
    x, v = frame.fixed[2]
    assert (x.name, v.name) == ("x", "v")
    assert (x.home, v.home) == (0, 1)
    np.testing.assert_allclose(v.values, data["v"], rtol=1e-12)


def test_an_interaction_of_columns_that_stand_nowhere_stays_whole():
    (part,) = parts_of("y ~ 1 + x:z + (1 | a)", simulated()).fixed[1]
    assert part.name == "x:z"


def test_what_only_looks_like_a_product_stays_whole():
    """Where numbers and name disagree, the numbers decide."""
    data = simulated()
    data["x:z"] = np.sin(data["x"])
    (part,) = parts_of("y ~ x + z + `x:z` + (1 | a)", data).fixed[3]
    assert part.name == "x:z"
    np.testing.assert_array_equal(part.values, data["x:z"])


def test_a_square_is_written_as_one_only_if_it_is():
    frame = parts_of("y ~ x + I(x**2) + I(z**2) + (1 | a)", simulated())
    assert isinstance(frame.fixed[2][0].symbol, Power)
    assert isinstance(frame.fixed[3][0].symbol, Symbol)  # z itself is not in the model


def test_columns_of_one_name_and_other_numbers_get_a_prime():
    design = build_design("y ~ x + (x | a)", simulated())
    parts = Parts(design, grouping_of(design, set()))
    (first,), (again,), (other,) = (parts.of("x", v) for v in (design.X[:, 1], design.X[:, 1], design.y))
    assert first is again
    assert (first.symbol.base, other.symbol.base) == ("x", "x′")


def test_long_names_are_shortened_and_stay_apart():
    data = simulated()
    long = [f"{'very_' * 12}{end}{'_long' * 12}" for end in ("this", "that")]
    for name in long:
        data[name] = np.random.default_rng(len(name)).normal(size=len(data))
    data[long[1]] += data["x"]
    frame = parts_of(f"y ~ {' + '.join(long)} + (1 | a)", data)
    bases = [parts[0].symbol.base for parts in frame.fixed[1:]]
    assert len(set(bases)) == 2
    assert all(len(base) <= LONGEST + 1 and "…" in base for base in bases)


def test_numbers_of_two_digits_are_parted_by_commas():
    assert numbers((2, 0, 1)) == ("2", "0", "1")
    assert numbers((12, 0)) == ("12", ",", "0")


def test_letters_that_the_data_have_are_not_taken():
    assert free_name(("e", "ε"), {"y", "x"}) == "e"
    assert free_name(("e", "ε"), {"e"}) == "ε"
    assert free_name(("e", "ε"), {"e", "ε"}) == "e′"


# The tree


def test_evaluation():
    x, tau = Symbol("x"), Symbol("τ")
    expression = Sum((Number(2.0, "2"), Product((Number(-3.0, "-3"), x, Power(tau, "2")))))
    assert evaluate(expression, {x: np.array([1.0, 2.0]), tau: 2.0}).tolist() == [-10.0, -22.0]
    assert evaluate(Power(x, "2"), {Power(x, "2"): 5.0}) == 5.0


def test_what_has_no_value():
    with pytest.raises(KeyError):
        evaluate(Symbol("x"), {})
    with pytest.raises(TypeError, match="Power has no value"):
        evaluate(Power(Symbol("x"), "−1"), {Symbol("x"): 2.0})


def test_signs():
    x = Symbol("x")
    assert signed(Product((Number(-2.5, "-2.5"), x))) == ("−", Product((Number(2.5, "2.5"), x)))
    assert signed(Number(-2.5, "-2.5")) == ("−", Number(2.5, "2.5"))
    assert signed(x) == ("+", x)
