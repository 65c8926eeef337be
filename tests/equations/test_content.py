"""What is written for models of textbooks, letter by letter."""

from __future__ import annotations

from textwrap import dedent

import pytest

from bayesmm.equations import equations_of
from tests.equations.cases import CROSSED, NAMES, filled, fitted, model, written

LEVELS = {
    "sleepstudy": """
        Level 1: rows (180)

          Reactionᵢⱼ = β₀ⱼ + β₁ⱼ Daysᵢⱼ + eᵢⱼ
                 eᵢⱼ ~ N(0, σ²)

        Level 2: Subject (18 levels)

            β₀ⱼ = γ₀₀ + u₀ⱼ
            β₁ⱼ = γ₁₀ + u₁ⱼ

          ⎡u₀ⱼ⎤    ⎛   ⎡τ₀²  τ₀₁⎤⎞
          ⎣u₁ⱼ⎦ ~ N⎝0, ⎣τ₀₁  τ₁²⎦⎠
        """,
    "sleepstudy_zerocorr": """
        Level 1: rows (180)

          Reactionᵢⱼ = β₀ⱼ + β₁ⱼ Daysᵢⱼ + eᵢⱼ
                 eᵢⱼ ~ N(0, σ²)

        Level 2: Subject (18 levels)

            β₀ⱼ = γ₀₀ + u₀ⱼ
            β₁ⱼ = γ₁₀ + u₁ⱼ

          ⎡u₀ⱼ⎤    ⎛   ⎡τ₀²  0  ⎤⎞
          ⎣u₁ⱼ⎦ ~ N⎝0, ⎣0    τ₁²⎦⎠
        """,
    "sleepstudy_slope_only": """
        Level 1: rows (180)

          Reactionᵢⱼ = β₀ⱼ + β₁ⱼ Daysᵢⱼ + eᵢⱼ
                 eᵢⱼ ~ N(0, σ²)

        Level 2: Subject (18 levels)

          β₀ⱼ = γ₀₀
          β₁ⱼ = γ₁₀ + u₁ⱼ
          u₁ⱼ ~ N(0, τ₁²)
        """,
    "hsb": """
        Level 1: rows (7185)

          mAchᵢⱼ = β₀ⱼ + β₁ⱼ csesᵢⱼ + eᵢⱼ
             eᵢⱼ ~ N(0, σ²)

        Level 2: school (160 levels)

            β₀ⱼ = γ₀₀ + γ₀₁ meansesⱼ + γ₀₂ sector[Public]ⱼ + u₀ⱼ
            β₁ⱼ = γ₁₀ + γ₁₁ meansesⱼ + γ₁₂ sector[Public]ⱼ + u₁ⱼ

          ⎡u₀ⱼ⎤    ⎛   ⎡τ₀²  τ₀₁⎤⎞
          ⎣u₁ⱼ⎦ ~ N⎝0, ⎣τ₀₁  τ₁²⎦⎠
        """,
    "no_fixed_effects": """
        Level 1: rows (180)

          Reactionᵢⱼ = β₀ⱼ + β₁ⱼ Daysᵢⱼ + eᵢⱼ
                 eᵢⱼ ~ N(0, σ²)

        Level 2: Subject (18 levels)

            β₀ⱼ = u₀ⱼ
            β₁ⱼ = u₁ⱼ

          ⎡u₀ⱼ⎤    ⎛   ⎡τ₀²  τ₀₁⎤⎞
          ⎣u₁ⱼ⎦ ~ N⎝0, ⎣τ₀₁  τ₁²⎦⎠
        """,
    "group_slope": """
        Level 1: rows (4059)

          normexamᵢⱼ = β₀ⱼ + β₁ⱼ standLRTᵢⱼ + eᵢⱼ
                 eᵢⱼ ~ N(0, σ²)

        Level 2: school (65 levels)

            β₀ⱼ = γ₀₀ + γ₀₁ schavgⱼ + u₀ⱼ + u₂ⱼ schavgⱼ
            β₁ⱼ = γ₁₀

          ⎡u₀ⱼ⎤    ⎛   ⎡τ₀²  τ₀₂⎤⎞
          ⎣u₂ⱼ⎦ ~ N⎝0, ⎣τ₀₂  τ₂²⎦⎠
        """,
    "penicillin": """
        Rows (144)

          diameterᵢ = β₀ + uⱼ[ᵢ] + vₖ[ᵢ] + eᵢ
                 eᵢ ~ N(0, σ²)

        plate (24 levels)

          uⱼ ~ N(0, τᵤ²)

        sample (6 levels)

          vₖ ~ N(0, τᵥ²)
        """,
    "insteval": """
        Rows (73421)

          yᵢ = β₀ + β₁ service[1]ᵢ + uⱼ[ᵢ] + vₖ[ᵢ] + rₗ[ᵢ] + eᵢ
          eᵢ ~ N(0, σ²)

        s (2972 levels)

          uⱼ ~ N(0, τᵤ²)

        d (1128 levels)

          vₖ ~ N(0, τᵥ²)

        dept (14 levels)

          rₗ ~ N(0, τᵣ²)
        """,
    "nested_and_crossed": """
        Rows (200)

          yᵢ = β₀ + β₁ xᵢ + β₂ zₗ[ᵢ] + β₃ xᵢ·zₗ[ᵢ] + uⱼ[ᵢ] + v₀ₖ[ᵢ] + v₁ₖ[ᵢ] xᵢ + rₗ[ᵢ] + eᵢ
          eᵢ ~ N(0, σ²)

        a:b (20 levels)

          uⱼ ~ N(0, τᵤ²)

        h (7 levels)

          ⎡v₀ₖ⎤    ⎛   ⎡τᵥ₀²  τᵥ₀₁⎤⎞
          ⎣v₁ₖ⎦ ~ N⎝0, ⎣τᵥ₀₁  τᵥ₁²⎦⎠

        a (5 levels)

          rₗ ~ N(0, τᵣ²)
        """,
    "pastes": """
        Level 1: rows (60)

          strengthᵢⱼₖ = π₀ⱼₖ + eᵢⱼₖ
                 eᵢⱼₖ ~ N(0, σ²)

        Level 2: batch:cask (30 levels)

          π₀ⱼₖ = β₀₀ₖ + r₀ⱼₖ
          r₀ⱼₖ ~ N(0, τᵣ₀²)

        Level 3: batch (10 levels)

          β₀₀ₖ = γ₀₀₀ + u₀₀ₖ
          u₀₀ₖ ~ N(0, τᵤ₀₀²)
        """,
    "oats": """
        Level 1: rows (72)

          yieldᵢⱼₖ = π₀ⱼₖ + π₁ⱼₖ nitroᵢⱼₖ + eᵢⱼₖ
              eᵢⱼₖ ~ N(0, σ²)

        Level 2: Block:Variety (18 levels)

          π₀ⱼₖ = β₀₀ₖ + β₀₁ₖ Variety[Marvellous]ⱼₖ + β₀₂ₖ Variety[Victory]ⱼₖ + r₀ⱼₖ
          π₁ⱼₖ = β₁₀ₖ
          r₀ⱼₖ ~ N(0, τᵣ₀²)

        Level 3: Block (6 levels)

          β₀₀ₖ = γ₀₀₀ + u₀₀ₖ
          βₚₛₖ = γₚₛ₀   for all others
          u₀₀ₖ ~ N(0, τᵤ₀₀²)
        """,
    "chem97_slopes": """
        Level 1: rows (31022)

          scoreᵢⱼₖ = π₀ⱼₖ + π₁ⱼₖ gcsecntᵢⱼₖ + π₂ⱼₖ gender[M]ᵢⱼₖ + π₃ⱼₖ gcsecntᵢⱼₖ·gender[M]ᵢⱼₖ + eᵢⱼₖ
              eᵢⱼₖ ~ N(0, σ²)

        Level 2: lea:school (2410 levels)

            π₀ⱼₖ = β₀₀ₖ + r₀ⱼₖ
            π₁ⱼₖ = β₁₀ₖ + r₁ⱼₖ
            π₂ⱼₖ = β₂₀ₖ
            π₃ⱼₖ = β₃₀ₖ

          ⎡r₀ⱼₖ⎤    ⎛   ⎡τᵣ₀²  τᵣ₀₁⎤⎞
          ⎣r₁ⱼₖ⎦ ~ N⎝0, ⎣τᵣ₀₁  τᵣ₁²⎦⎠

        Level 3: lea (131 levels)

            β₀₀ₖ = γ₀₀₀ + u₀₀ₖ
            β₁₀ₖ = γ₁₀₀ + u₁₀ₖ
            β₂₀ₖ = γ₂₀₀
            β₃₀ₖ = γ₃₀₀

          ⎡u₀₀ₖ⎤    ⎛   ⎡τᵤ₀₀²    τᵤ₀₀,₁₀⎤⎞
          ⎣u₁₀ₖ⎦ ~ N⎝0, ⎣τᵤ₀₀,₁₀  τᵤ₁₀²  ⎦⎠
        """,
    "machines_identity": """
        Level 1: rows (54)

          scoreᵢⱼ = β₀ⱼ + β₁ⱼ Machine[B]ᵢⱼ + β₂ⱼ Machine[C]ᵢⱼ + β₃ⱼ Machine[A]ᵢⱼ + eᵢⱼ
              eᵢⱼ ~ N(0, σ²)

        Level 2: Worker (6 levels)

            β₀ⱼ = γ₀₀
            β₁ⱼ = γ₁₀ + u₁ⱼ
            β₂ⱼ = γ₂₀ + u₂ⱼ
            β₃ⱼ = u₃ⱼ

          ⎡u₃ⱼ⎤
          ⎢u₁ⱼ⎥ ~ N(0, τ² I₃)
          ⎣u₂ⱼ⎦
        """,
    "weights_offset": """
        Level 1: rows (150)

          yᵢⱼ = β₀ⱼ + β₁ⱼ xᵢⱼ + β₂ⱼ c[q]ᵢⱼ + offsetᵢⱼ + eᵢⱼ
          eᵢⱼ ~ N(0, σ²/wᵢⱼ)

        Level 2: a (6 levels)

            β₀ⱼ = γ₀₀ + u₀ⱼ
            β₁ⱼ = γ₁₀ + u₁ⱼ
            β₂ⱼ = γ₂₀

          ⎡u₀ⱼ⎤    ⎛   ⎡τ₀²  τ₀₁⎤⎞
          ⎣u₁ⱼ⎦ ~ N⎝0, ⎣τ₀₁  τ₁²⎦⎠
        """,
}

COMBINED = {
    "hsb": """
        mAchᵢⱼ = γ₀₀ + γ₀₁ meansesⱼ + γ₀₂ sector[Public]ⱼ + γ₁₀ csesᵢⱼ + γ₁₁ csesᵢⱼ·meansesⱼ
                 + γ₁₂ csesᵢⱼ·sector[Public]ⱼ + u₀ⱼ + u₁ⱼ csesᵢⱼ + eᵢⱼ
        """,
    "chem97": "scoreᵢⱼₖ = γ₀₀₀ + γ₁₀₀ gcsecntᵢⱼₖ + r₀ⱼₖ + u₀₀ₖ + eᵢⱼₖ",
    "log_and_square": """
        Reactionᵢⱼ = γ₀₀ + γ₁₀ log(Days + 1)ᵢⱼ + γ₂₀ Daysᵢⱼ + γ₃₀ Daysᵢⱼ² + u₀ⱼ + u₂ⱼ Daysᵢⱼ + u₃ⱼ Daysᵢⱼ²
                     + eᵢⱼ
        """,
    "poly": "log(Reaction)ᵢⱼ = γ₀₀ + γ₁₀ poly(Days, 2)[0]ᵢⱼ + γ₂₀ poly(Days, 2)[1]ᵢⱼ + u₀ⱼ + eᵢⱼ",
    "predictors_named_like_symbols": ("yᵢⱼ = γ₀₀ + γ₁₀ eᵢⱼ + γ₂₀ uᵢⱼ + γ₃₀ wᵢⱼ + v₀ⱼ + v₂ⱼ uᵢⱼ + εᵢⱼ"),
}


@pytest.mark.parametrize("name", LEVELS)
def test_levels(name: str):
    assert written(name).levels.text == dedent(LEVELS[name]).strip()


@pytest.mark.parametrize("name", COMBINED)
def test_one_equation(name: str):
    text = written(name).combined.text
    title, _, equation = text.partition("\n\n")
    assert title == "In one equation"
    assert dedent(equation) == dedent(COMBINED[name]).strip()


def test_two_level_equations_and_the_one_formula_say_the_same():
    """Built from level equations or from the formula, the model is the same, but for the order of X."""
    ours, theirs = written("hsb_levels"), written("hsb")
    assert ours.levels.text == theirs.levels.text
    assert ours.combined.text == theirs.combined.text


def test_matrices():
    assert (
        written("chem97_slopes").matrix.text
        == dedent(
            """
        In matrices

             y    =    X     β  +     Z        b    +    e
          31022×1   31022×4 4×1   31022×5082 5082×1   31022×1

               β′ = [γ₀₀₀  γ₁₀₀  γ₂₀₀  γ₃₀₀]

                Z = [    Z₁         Z₂    ]
                     31022×4820  31022×262

               b′ = [b₁′  b₂′]
                b ~ N(0, G)
                e ~ N(0, R)
                G = blockdiag(I₂₄₁₀ ⊗ Σ₁, I₁₃₁ ⊗ Σ₂)

                    ⎡τᵣ₀²  τᵣ₀₁⎤
               Σ₁ = ⎣τᵣ₀₁  τᵣ₁²⎦

                    ⎡τᵤ₀₀²    τᵤ₀₀,₁₀⎤
               Σ₂ = ⎣τᵤ₀₀,₁₀  τᵤ₁₀²  ⎦

                R = σ² I₃₁₀₂₂
           Var(y) = V = ZGZ′ + R

          Z₁ and b₁ belong to (gcsecnt | lea:school), Z₂ and b₂ to (gcsecnt | lea).
        """
        ).strip()
    )


def test_matrices_with_weights_and_an_offset():
    text = written("weights_offset").matrix.text
    assert "   R = σ² W⁻¹\n       W = diag(w₁, …, w₁₅₀)\n" in text
    assert text.endswith("\n\n  a is the offset.")
    assert "+   a   +   e" in text.split("\n")[2]


def test_matrices_without_fixed_effects():
    lines = written("no_fixed_effects").matrix.text.split("\n")
    assert lines[2].split() == ["y", "=", "Z", "b", "+", "e"]
    assert not any("β" in line for line in lines)


def test_priors():
    assert (
        written("sleepstudy").priors.text
        == dedent(
            """
        Priors

          γ₀₀* = γ₀₀ + 4.5 γ₁₀
          γ₀₀* ~ N(298.5, 140.8²)
           γ₁₀ ~ N(0, 48.89²)
            τ₀ ~ HalfStudentT(ν = 4, σ = 56.33)
            τ₁ ~ HalfStudentT(ν = 4, σ = 19.56)
             Σ = DRD
             D = diag(τ₀, τ₁)
             R ~ LKJ(η = 2)
             σ ~ HalfStudentT(ν = 4, σ = 56.33)

          γ₀₀* is the expected response at the means of the columns of X.
        """
        ).strip()
    )


def test_priors_are_named_once_for_parameters_that_share_them():
    lines = written("cake").priors.text.split("\n")
    assert [line.split() for line in lines if "N(0, 54.99²)" in line] == [
        ["γ₁₀,", "γ₂₀,", "…,", "γ₅₀", "~", "N(0,", "54.99²)"]
    ]
    assert sum("~ HalfStudentT" in line for line in written("machines_identity").priors.text.split("\n")) == 2


def test_priors_stand_in_the_whole_only_when_asked():
    assert "\nPriors\n" in written("sleepstudy").text
    assert "\nPriors\n" not in equations_of(model("sleepstudy")).text


def test_a_letter_that_is_a_name_in_the_data_is_not_used():
    """The data have columns e, u and w: the residual is ε, the effects v, the weights ω."""
    assert "εᵢⱼ ~ N(0, σ²/ωᵢⱼ)" in written("predictors_named_like_symbols").levels.text


def test_numbers_in_place_of_symbols():
    """lme4's estimates of this model, in tests/reference/hsb_cross_level.json, to four digits."""
    assert (
        filled("hsb").levels.text
        == dedent(
            """
        Level 1: rows (7185)

          mAchᵢⱼ = β₀ⱼ + β₁ⱼ csesᵢⱼ + eᵢⱼ
             eᵢⱼ ~ N(0, 6.060²)

        Level 2: school (160 levels)

            β₀ⱼ = 13.35 + 5.333 meansesⱼ − 1.227 sector[Public]ⱼ + u₀ⱼ
            β₁ⱼ = 1.302 + 1.039 meansesⱼ + 1.643 sector[Public]ⱼ + u₁ⱼ

          ⎡u₀ⱼ⎤    ⎛   ⎡ 2.380  0.1918⎤⎞
          ⎣u₁ⱼ⎦ ~ N⎝0, ⎣0.1918  0.1012⎦⎠
        """
        ).strip()
    )


def test_the_whole_of_a_model():
    """Everything that ``print(model.equations())`` shows."""
    assert (
        equations_of(model("intercept_only")).text
        == dedent(
            """
        Equations of a linear mixed model

          Formula  Yield ~ 1 + (1 | Batch)
          Rows     30

        Level 1: rows (30)

          Yieldᵢⱼ = β₀ⱼ + eᵢⱼ
              eᵢⱼ ~ N(0, σ²)

        Level 2: Batch (6 levels)

          β₀ⱼ = γ₀₀ + u₀ⱼ
          u₀ⱼ ~ N(0, τ₀²)

        In one equation

          Yieldᵢⱼ = γ₀₀ + u₀ⱼ + eᵢⱼ

        In matrices

             y   =  X    β  +  Z    b  +  e
            30×1   30×1 1×1   30×6 6×1   30×1

              β′ = [γ₀₀]
               b ~ N(0, G)
               e ~ N(0, R)
               G = τ₀² I₆
               R = σ² I₃₀
          Var(y) = V = ZGZ′ + R

        Symbols

          i        rows           30 rows, within Batch
          j        Batch          6 levels
          Yieldᵢⱼ  Yield          the response
          β₀ⱼ      Intercept      intercept in Batch j
          γ₀₀      Intercept      intercept
          u₀ⱼ      Intercept      random effect of Batch j on the intercept
          τ₀       1|Batch_sigma  sd of u₀ⱼ
          eᵢⱼ      residuals      the residual
          σ        sigma          sd of eᵢⱼ
        """
        ).strip()
    )


@pytest.mark.parametrize("name", NAMES)
def test_crossed_factors_are_written_in_brackets_and_no_others(name: str):
    text = written(name).combined.text
    assert ("[ᵢ]" in text) == (name in CROSSED)
    assert ("\nIn one equation\n" in written(name).text) == (name not in CROSSED)


def test_many_trivial_equations_are_one():
    lines = written("wide").levels.text.split("\n")
    assert "    βₚⱼ = γₚ₀   for p = 2, …, 22" in lines
    # With numbers each has its own.
    numbered = filled("wide").levels.text
    assert "β₁₇,ⱼ = " in numbered
    assert "for p" not in numbered
    assert f"β₂ⱼ = {fitted('wide').beta.iloc[2]:.4g}"[:10].replace("-", "−") in numbered
