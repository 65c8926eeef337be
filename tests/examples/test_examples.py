"""Each example runs, without warnings and files of its own, and tells what is known of its data.

The numbers looked for are lme4's, or follow from them; those of a posterior have room for its simulation.
"""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))
LONGEST = 85
"""Lines of an example."""


def told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What an example prints; it gets a folder for its pictures, and must leave where it runs alone."""
    output, here = tmp_path / "output", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "argv", [name, "--output", str(output)])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    mpl.pyplot.close("all")
    assert list(here.iterdir()) == []
    pictures = list(output.iterdir())
    assert pictures
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    return capsys.readouterr().out


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    return lambda name: told(name, tmp_path, monkeypatch, capsys)


def number(pattern: str, text: str) -> float:
    """The number that the pattern's group stands for."""
    found = re.search(pattern, text)
    assert found is not None, (pattern, text)
    return float(found.group(1))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_short_and_says_what_it_is_about(name: str):
    lines = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST
    assert re.match(r'"""[A-Z].*\?$', lines[0])
    assert f"    python examples/{name}.py [--output FOLDER]" in lines


def test_without_a_folder_nothing_is_saved(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "sleep_deprivation.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUTF8": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Pictures" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_sleep_deprivation(run: Callable[[str], str]):
    text = run("sleep_deprivation")
    assert "18 people, 180 mean reaction times" in text
    assert "REML       10.5 ms a day, standard error 1.5" in text  # lme4: 10.467, 1.546
    assert number(r"posterior  (\S+) ms a day", text) == pytest.approx(10.467, abs=0.3)
    assert "subject 308 (19.7)" in text  # lme4: coef 19.666
    assert "least: 335 (-0.3)" in text
    assert number(r"REML       (\S+) ms, 95%", text) == pytest.approx(251.405 + 9 * 10.467, abs=0.6)
    assert number(r"posterior  (\S+) ms, 95%", text) == pytest.approx(345.6, abs=6)
    assert 1.0 < number(r"is (\S+) times as wide", text) < 1.3
    assert "6 of 6 parameters agree" in text
    assert "The draws can be used" in text


def test_schools(run: Callable[[str], str]):
    text = run("schools")
    assert "7185 pupils in 160 schools" in text
    assert "18% of the variance" in text  # 8.614/(8.614 + 39.148)
    assert "β₁ⱼ = γ₁₀ + γ₁₁ meansesⱼ + γ₁₂ sector[Public]ⱼ + u₁ⱼ" in text
    assert "1.64, standard error 0.24" in text
    catholic, public = (number(rf"{sector} +(\S+) points", text) for sector in ("Catholic", "public"))
    assert catholic == pytest.approx(1.30, abs=0.1)
    assert public == pytest.approx(2.94, abs=0.1)
    assert "intercepts vary 72% less" in text  # 1 − 2.380/8.614
    assert "sd of what is left at 0.32" in text
    assert "The draws can be used" in text


def test_dyes(run: Callable[[str], str]):
    first, second = run("dyes").split("Dyestuff2:")
    assert "by REML  42.00\n" in first
    assert "sd within batches           49.51" in first
    assert "1527.50 ± 19.38" in first
    assert "for that batches differ" in first
    assert "by REML  0.00, on the boundary" in second
    assert "5.67 ± 0.68" in second
    assert "for that they are alike" in second
    assert number(r"evidence (\S+) to 1", first) > 5
    assert 1 < number(r"evidence (\S+) to 1", second) < 6
    assert number(r"with probability (\S+)\.\n", first) < 0.02 < number(r"with probability (\S+)\.\n", second)


def test_growth(run: Callable[[str], str]):
    text = run("growth")
    assert "27 children, 108 distances" in text
    assert "0.83 on 2 df, p = 0.659" in text  # lme4: log-likelihoods −214.3195 and −213.9030
    assert number(r"likelihood ratio  (\S+) on 1 df", text) == pytest.approx(6.22, abs=0.02)
    assert text.count("for a speed for each sex\n") >= 2
    assert "The fit is worst for M09" in text
    assert re.search(r"without M09.*: \S+ for a speed for each child", text)
    assert number(r"girls grow by (\S+) mm", text) == pytest.approx(0.480, abs=0.02)
    assert number(r"boys by (\S+) mm", text) == pytest.approx(0.784, abs=0.02)


def test_lecturers(run: Callable[[str], str]):
    text = run("lecturers")
    assert "73,421 ratings" in text
    assert "Converged to a minimum inside the parameter space." in text
    assert re.search(r"1,128 lecturers +15\.0%", text)  # lme4: 0.26522/1.76458
    assert re.search(r"2,972 students +6\.0%", text)
    assert re.search(r"14 departments +0\.4%", text)
    assert "2.5 times as much as students" in text
    assert "rated 0.09 ± 0.01 lower" in text
    assert 0.3 < number(r"is it with probability (\d+)%", text) / 100 < 0.8
    assert "The draws can be used" in text
