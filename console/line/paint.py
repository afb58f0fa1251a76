"""What Textual's compositor hands out, painted on a grid instead of written as escape sequences."""

from rich.cells import cell_len
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.strip import Strip

from console.line.grid import Grid
from console.line.pen import pen_of

Update = LayoutUpdate | ChopsUpdate


def paint(grid: Grid, update: Update, system: ColorSystem | None) -> None:
    """Put the update on the grid, in the colours of `system` (None: without colours)."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                x = _strip(grid, x, y, strip, system, 0, grid.width)
        return
    for y, left, right in update.spans:
        if y < len(update.chops):
            ends = update.chop_ends[y]
            for end, (x, chop) in zip(ends, update.chops[y].items(), strict=False):
                if chop is not None and x < right and end > left:
                    _strip(grid, x, y, chop, system, left, min(right, end))


def _strip(
    grid: Grid, x: int, y: int, strip: Strip, system: ColorSystem | None, left: int, right: int
) -> int:
    """Put a strip's cells in `left` ≤ cell < `right` on the grid; returns the cell after its last."""
    for text, style, control in strip:
        if control:
            continue
        if x >= right:
            break
        end = x + (len(text) if text.isascii() else cell_len(text))
        if end > left:
            grid.put(x, y, text, pen_of(style, system), left, right)
        x = end
    return x
