"""Columns are shown whole or not at all, the least important go first, and nothing overlaps."""

from hypothesis import given
from hypothesis import strategies as st

from widgets.table.cell import fit
from widgets.table.column import GAP, GUTTER, Column, lay_out

columns = st.lists(
    st.builds(
        Column,
        key=st.just("k"),
        title=st.just("T"),
        width=st.integers(1, 20),
        flex=st.integers(0, 3),
        priority=st.integers(0, 3),
    ),
    min_size=1,
    max_size=10,
)


@given(columns, st.integers(1, 200))
def test_columns_stand_side_by_side_within_the_room(columns: list[Column], room: int) -> None:
    x = GUTTER
    for place in lay_out(columns, room):
        assert place.x == x
        x += place.width + GAP
    assert x - GAP <= max(room, GUTTER)


@given(columns, st.integers(25, 200))
def test_a_column_is_whole_or_absent_and_the_least_important_is_absent_first(
    columns: list[Column], room: int
) -> None:
    shown = {place.index: place for place in lay_out(columns, room)}
    assert all(place.width >= columns[index].width for index, place in shown.items())
    absent = [columns[index].priority for index in range(len(columns)) if index not in shown]
    if absent:
        assert min(absent) >= max(columns[index].priority for index in shown)


@given(columns, st.integers(25, 200))
def test_room_left_over_goes_to_the_flexible_columns(columns: list[Column], room: int) -> None:
    places = lay_out(columns, room)
    if any(columns[place.index].flex for place in places):
        assert places[-1].x + places[-1].width == room


def test_a_number_that_does_not_fit_is_never_shown_as_another_number() -> None:
    number = Column("price", "Price", 6, align="right")
    assert fit("1,234.50", number, 6) == "######"
    assert fit("234.50", number, 8) == "  234.50"
    assert fit("Alcoa Corporation", Column("name", "Name", 6), 6) == "Alcoa…"
