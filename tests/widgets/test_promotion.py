"""Promoting by messages, as the browser sends them: first what would change, then exactly that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import mlops_nb
from mlops_nb.metadata import Artifact, Candidate
from mlops_nb.project import find_project
from mlops_nb.registry import Registry
from tests.judged import judged

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_nb.project import Project


class Browser:
    """The other end of a widget: sends messages to it, and keeps what it answers."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.answers: list[dict[str, Any]] = []
        table.send = self.answers.append

    def send(self, **content: Any) -> dict[str, Any]:
        self.table._handle_custom_msg(content, [])
        return self.answers[-1]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with a model of three versions, the first its champion."""
    (tmp_path / "pyproject.toml").touch()
    place = find_project(tmp_path)
    with place.log() as log:
        for number in (1, 2, 3):
            log.record_artifact(Artifact(f"sha-{number}", "model", f"file:{number}.skops", 1))
            Registry(log).register("tips", Candidate(f"sha-{number}", metrics={"mae": 1.0 / number}))
        judged(log, 1)
        Registry(log).promote("tips", "1", "the first")
        for number in (2, 3):
            judged(log, number, against=1)
    return place


def aliases(project: Project) -> dict[str, int]:
    with project.log() as log:
        return dict(Registry(log).models()[0].aliases)


def test_a_promotion_says_what_will_change_and_does_it_on_a_yes(project: Project) -> None:
    browser = Browser(mlops_nb.compare(model="tips", project=project))

    asked = browser.send(type="propose", model="tips", version=3, alias="champion")

    assert asked["moves"] == [
        {"alias": "champion", "before": 1, "after": 3},
        {"alias": "previous", "before": None, "after": 1},
    ]
    assert aliases(project) == {"champion": 1}

    done = browser.send(type="promote", why="its error is a third")

    assert done == {"type": "promoted", "model": "tips", "moves": [["champion", 3], ["previous", 1]]}
    assert aliases(project) == {"champion": 3, "previous": 1}
    with project.log() as log:
        assert Registry(log).alias_history("tips", "champion")[0].why == "its error is a third"
    # The table of the person who promoted shows it.
    assert browser.table.board["aliases"]["tips"] == {"champion": 3, "previous": 1}


def test_of_two_people_who_promote_at_once_the_second_is_told(project: Project) -> None:
    browser = Browser(mlops_nb.compare(model="tips", project=project))
    browser.send(type="propose", model="tips", version=3, alias="champion")
    with project.log() as log:
        Registry(log).promote("tips", "2", "somebody else was faster")

    told = browser.send(type="promote", why="its error is a third")

    assert told["type"] == "error"
    assert "points to version 2 now, and no longer to version 1" in told["message"]
    assert aliases(project) == {"champion": 2, "previous": 1}
    assert browser.table.board["aliases"]["tips"] == {"champion": 2, "previous": 1}


def test_nothing_is_promoted_that_was_not_proposed_or_twice_or_without_a_reason(project: Project) -> None:
    browser = Browser(mlops_nb.compare(model="tips", project=project))

    assert browser.send(type="promote", why="just so")["type"] == "error"
    browser.send(type="propose", model="tips", version=2, alias="challenger")
    assert "needs a reason" in browser.send(type="promote", why="  ")["message"]
    assert browser.send(type="promote", why="once more")["type"] == "error"
    assert aliases(project) == {"champion": 1}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"model": "tips", "version": 9, "alias": "champion"}, "no version 9"),
        ({"model": "tipps", "version": 1, "alias": "champion"}, "Did you mean `tips`"),
        ({"model": "tips", "version": 1, "alias": "champion"}, "is the champion already"),
        ({"model": "tips", "version": "1; drop", "alias": "champion"}, "is no version"),
        ({"model": "tips", "version": None, "alias": None}, "is no version"),
    ],
)
def test_what_cannot_be_proposed_is_answered_with_why(project: Project, asked: dict[str, Any], message: str) -> None:
    browser = Browser(mlops_nb.compare(model="tips", project=project))

    told = browser.send(type="propose", **asked)

    assert told["type"] == "error"
    assert message in told["message"]


def test_a_name_that_cannot_be_an_alias_is_refused_before_anything_moves(project: Project) -> None:
    browser = Browser(mlops_nb.compare(model="tips", project=project))

    assert "cannot name an alias" in browser.send(type="propose", model="tips", version=2, alias="latest")["message"]
    assert "Nothing was proposed" in browser.send(type="promote", why="just so")["message"]
    assert aliases(project) == {"champion": 1}


def test_a_version_that_no_judge_has_seen_is_not_proposed(project: Project) -> None:
    with project.log() as log:
        log.record_artifact(Artifact("sha-4", "model", "file:4.skops", 1))
        Registry(log).register("tips", Candidate("sha-4"))
    browser = Browser(mlops_nb.compare(model="tips", project=project))

    told = browser.send(type="propose", model="tips", version=4, alias="champion")

    assert told["type"] == "error"
    assert "never judged" in told["message"]
    assert aliases(project) == {"champion": 1}
