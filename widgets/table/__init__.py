"""The live table: rows by key, cells repainted only where they changed, selection that follows its row."""

from widgets.table.cell import Cell
from widgets.table.column import Column
from widgets.table.fields import Field
from widgets.table.live_table import LiveTable

__all__ = ["Cell", "Column", "Field", "LiveTable"]
