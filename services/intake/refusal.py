"""What is said when something that arrived can't be used."""


class RefusedInputError(Exception):
    """One sentence: which file, which line, which field, and what was expected."""

    def __init__(
        self, file: str, expected: str, *, line: int | None = None, field: str = ""
    ) -> None:
        where = f"{file} line {line}" if line is not None else file
        about = f"{field}: " if field else ""
        super().__init__(f"{where}: {about}{expected.rstrip('.')}.")
        self.file = file
        self.line = line
        self.field = field
        self.expected = expected
