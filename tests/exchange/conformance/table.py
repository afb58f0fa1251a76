"""All rows, in the order of the reference."""

from conformance import (
    section_3_orders,
    section_3_others,
    section_5,
    section_6,
    section_7,
    section_8_groups,
    section_8_orders,
    section_8_rest,
    section_8_status,
    section_9,
)
from conformance.row import Row

ROWS: tuple[Row, ...] = (
    section_3_orders.ROWS
    + section_3_others.ROWS
    + section_5.ROWS
    + section_6.ROWS
    + section_7.ROWS
    + section_8_status.ROWS
    + section_8_orders.ROWS
    + section_8_groups.ROWS
    + section_8_rest.ROWS
    + section_9.ROWS
)
