"""The terminal's own word that it has read what we sent.

That the kernel took our bytes says little: it, sshd and the network hold many kilobytes for a terminal that
shows nothing yet. So a frame ends with a question every terminal answers (device status report, ECMA-48
8.3.35): the answer proves that all before it was read.
"""

PROBE = "\x1b[5n"
ANSWER = "\x1b[0n"


class Answers:
    """Takes the answers out of what is typed, also when they come in pieces.

    Nothing of an answer may pass for keys: `n` runs a plan's next step.
    """

    def __init__(self) -> None:
        self._held = ""

    def take(self, text: str, expecting: bool) -> tuple[str, int]:
        """What is left for the parser of keys, and how many answers were in it.

        What may be the beginning of an answer is held back until the next call; a lone escape, which most
        often is the Escape key, only while answers are expected.
        """
        *before, last = (self._held + text).split(ANSWER)
        least = 1 if expecting else 2
        begun = (n for n in range(len(ANSWER) - 1, least - 1, -1) if last.endswith(ANSWER[:n]))
        cut = len(last) - next(begun, 0)
        self._held = last[cut:]
        return "".join(before) + last[:cut], len(before)

    def release(self) -> str:
        """Nothing followed for a while: an escape alone was the Escape key.

        More than that stays held, for no key begins so and ends there; what comes next decides.
        """
        if self._held != ANSWER[0]:
            return ""
        self._held = ""
        return ANSWER[0]
