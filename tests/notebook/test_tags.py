"""A tag that looks like one of ours and is none is told, with what to write."""

from __future__ import annotations

import pytest

from mlops_nb.notebook import CODES, Cell, Severity, read_settings, read_tags


def cell(*tags: str) -> Cell:
    return Cell("c", 4, "code", "x = 1", tags=tags)


@pytest.mark.parametrize(
    ("tag", "fix"),
    [
        ("step:", "`step:NAME`"),
        ("prev:", "`prev:NAME`"),
        ("setp:load", "`step:load`"),
        ("step:for", "`step:step_for`"),
        ("step:Ünï", "`step:Uni`"),
        ("step:two words", "`step:two_words`"),
    ],
)
def test_a_tag_that_cannot_be_meant_says_what_to_write(tag: str, fix: str) -> None:
    _, (found,) = read_tags(cell(tag))
    assert CODES[found.code][0] is Severity.ERROR
    assert found.cell_number == 5
    assert fix in found.fix


def test_kales_bare_block_belongs_to_the_step_above() -> None:
    tags, found = read_tags(cell("block:"))
    assert (tags.step, found) == (None, [])


@pytest.mark.parametrize(
    ("tag", "fix"),
    [
        ("cache:off", "`cache:disabled`"),
        ("limit:memory:4GB", "`limit:memory:4Gi`"),
        ("limit:memory:lots", "`limit:memory:4Gi`"),
    ],
)
def test_a_setting_that_would_have_no_effect_by_mistake_is_an_error(tag: str, fix: str) -> None:
    given = cell("step:a", tag)
    tags, found = read_tags(given)
    assert found == []
    _, (wrong,) = read_settings("a", [given], [(given, key, value) for key, value in tags.kale], None)
    assert CODES[wrong.code][0] is Severity.ERROR
    assert fix in wrong.fix


def test_a_setting_for_another_machine_is_kept_with_a_notice() -> None:
    given = cell("step:a", "limit:nvidia.com/gpu:1", "limit:memory:2Gi", "cache:disabled")
    tags, _ = read_tags(given)
    settings, (notice,) = read_settings("a", [given], [(given, key, value) for key, value in tags.kale], None)
    assert (settings.memory_mb, settings.cache) == (2048, False)
    assert CODES[notice.code][0] is not Severity.ERROR
