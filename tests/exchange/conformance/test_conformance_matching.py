"""The judge of the rows: what it must not let pass."""

from typing import Any

import pytest

from conformance.row import ANY, DECIMAL, NUMBER, SOME, UTC, UUID, Saved, has, mismatch, one_of


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({"a": 1}, {}),
        ({"a": 1}, {"a": 2}),
        ({"a": None}, {}),
        ({"a": "1"}, {"a": 1}),
        ({"a": False}, {"a": 0}),
        ({"a": {"b": 1}}, {"a": None}),
        ([{"a": 1}], []),
        ([{"a": 1}], [{"a": 1}, {"a": 1}]),
        ([], [1]),
        (SOME, None),
        (SOME, []),
        (NUMBER, "1"),
        (NUMBER, True),
        (DECIMAL, 1.5),
        (DECIMAL, "1.50"),
        (DECIMAL, "1e5"),
        (UTC, "2026-03-03T14:31:02+00:00"),
        (UUID, "none"),
        (has("fill"), "new"),
        (one_of("a", "b"), "c"),
    ],
)
def test_what_does_not_match_is_said(expected: Any, got: Any) -> None:
    assert mismatch(expected, got)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": [{"b": ANY}]}, {"a": [{"b": None, "c": 1}]}),
        ({"a": 49.9}, {"a": 49.9}),
        (DECIMAL, "-1.5"),
        (UTC, "2026-03-03T14:31:02.118204311Z"),
    ],
)
def test_what_matches_passes(expected: Any, got: Any) -> None:
    assert mismatch(expected, got) == ""


def test_answers_are_filled_in_where_they_are_named() -> None:
    saved = Saved()
    saved.answers["order"] = {"id": "7", "legs": [{"id": "8"}]}
    template = {"path": "/v2/orders/{order.id}", "legs": ["{order.legs.0.id}"], "plain": "{}"}
    assert saved.fill(template) == {"path": "/v2/orders/7", "legs": ["8"], "plain": "{}"}
