"""All rows, in the order of the reference."""

from conformance import section_3_orders, section_3_others
from conformance.row import Row

ROWS: tuple[Row, ...] = section_3_orders.ROWS + section_3_others.ROWS
