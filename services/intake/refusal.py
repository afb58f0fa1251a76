"""What is said when something that arrived can't be used."""


class RefusedInputError(Exception):
    """One sentence: which file, where in it (line and column from 1), which field, and what was
    expected."""

    def __init__(
        self,
        file: str,
        expected: str,
        *,
        line: int | None = None,
        column: int | None = None,
        field: str = "",
    ) -> None:
        where = f"{file} line {line}" if line is not None else file
        where += f" column {column}" if column is not None else ""
        about = f"{field}: " if field else ""
        super().__init__(f"{where}: {about}{expected.rstrip('.')}.")
        self.file = file
        self.line = line
        self.column = column
        self.field = field
        self.expected = expected
