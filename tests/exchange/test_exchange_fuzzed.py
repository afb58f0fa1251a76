"""A few thousand random requests at a real process; the tool itself asks a million."""

from fuzz import fuzz


def test_random_requests_break_nothing() -> None:
    report = fuzz(requests=4_000, seed=20260303)
    assert report.seen.requests > 3_500  # some are not asked where the server hung up
    assert report.seen.accepted > 100
    assert report.fills > 50
    assert {200, 204, 400, 401, 403, 404, 422} <= set(report.seen.statuses)
