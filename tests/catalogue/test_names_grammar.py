"""Names put together from parts, in any style, are taken apart into the same parts."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from forebear.catalogue.names import decode
from forebear.catalogue.names.vocabulary import of_digits, of_parts

LINES = {  # family: its versions; the first as it writes them, a point wherever one is
    "kimi": ("k2", "k2.5", "k2.6", "k3"),
    "deepseek": ("v3", "v3.1", "v3.2", "r1"),
    "qwen": ("2", "2.5", "3", "3.5"),
    "llama": ("3", "3.1", "3.3", "4"),
    "glm": ("4", "4.5", "4.6", "5"),
    "claude": ("3", "3.5", "3.7", "4.1"),
    "minimax": ("m1", "m2", "m2.5"),
    "gemma": ("2", "3"),
    "yi": ("1.5",),
    "phi": ("3", "3.5", "4"),
    "gemini": ("2.5", "3"),
}
POINTS = (".", "p", "-", "_")
SIZES = ("8b", "70b", "235b-a22b", "8x7b", "0.6b", "135m", "1t")
STAGES = ("rl", "sft", "dpo", "instruct", "thinking", "chat", "base")
VARIANTS = ("fast", "turbo", "mini", "lite")
FORMATS = ("q4_k_m", "fp8", "awq", "int4", "bf16", "q8_0", "iq2_xxs", "nvfp4")
DATES = {
    "2024-08-06": ("2024-08-06", "20240806"),
    "2025-07": ("2507", "202507"),
    "03-17": ("0317",),
    "2026-03": ("2603",),
}


@st.composite
def names(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    family = draw(st.sampled_from(sorted(LINES)))
    version = draw(st.sampled_from(LINES[family]))
    point = draw(st.sampled_from(POINTS))
    between = draw(st.sampled_from("-_"))
    parts: dict[str, Any] = {"family": family, "version": version}
    words = []
    if size := draw(st.none() | st.sampled_from(SIZES)):
        parts["size"] = size
        words.append(size)
    if stage := draw(st.none() | st.sampled_from(STAGES)):
        parts["stage"] = stage
        words.append(stage)
    if dated := draw(st.none() | st.sampled_from(sorted(DATES))):
        parts["date"] = dated
        words.append(draw(st.sampled_from(DATES[dated])))
    if step := draw(st.none() | st.integers(10, 99_999)):
        parts["step"] = step
        words.append(draw(st.sampled_from((f"s{step}", f"step{step}", f"step-{step}", f"ckpt-{step}"))))
    if variant := draw(st.none() | st.sampled_from(VARIANTS)):
        parts["variant"] = variant
        words.append(variant)
    if quantization := draw(st.none() | st.sampled_from(FORMATS)):
        parts["quantization"] = quantization
        words.append(quantization)
    head = family + draw(st.sampled_from(("", between))) + version.replace(".", point)
    return between.join([head, *words]), parts


@given(names(), st.sampled_from((str, str.upper, str.title)), st.sampled_from(("", "accounts/acme/models/", "acme/")))
def test_round_trip(name: tuple[str, dict[str, Any]], case: Any, path: str) -> None:
    text, parts = name
    found = decode(path + case(text), named=True)
    assert found is not None
    for key in ("family", "version", "size", "stage", "date", "step", "variant", "quantization"):
        assert getattr(found, key) == parts.get(key), (text, key)


@given(names(), st.text(alphabet="bcdfghjklmnpqrstvwxz", min_size=7, max_size=9))
def test_words_that_mean_nothing_change_nothing(name: tuple[str, dict[str, Any]], word: str) -> None:
    text, parts = name
    assume(parts["family"] not in ("yi", "phi"))  # words of another meaning, too
    found = decode(f"{text}-{word}", named=True)
    assert found is not None and (found.family, found.version) == (parts["family"], parts["version"])
    assert word in found.explanation


@given(st.dates(date(2019, 1, 1), date(2035, 12, 31)))
def test_dates(day: date) -> None:
    iso = day.isoformat()
    year, month, number = iso.split("-")
    assert of_digits(iso.replace("-", "")) == iso
    assert of_parts([year, month, number]) == (iso, 3)
    assert of_parts([month, year]) == (f"{year}-{month}", 2)
    assert of_digits(year + month) == f"{year}-{month}"


def test_four_digits() -> None:
    read = {
        "2407": "2024-07",
        "0317": "03-17",
        "1124": "11-24",
        "2024": "2024",
        "1776": None,
        "0230": None,
        "9999": None,
    }
    assert {text: of_digits(text) for text in read} == read
    assert of_digits("1124", "mmyy") == "2024-11"
