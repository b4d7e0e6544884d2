"""A terminal: what it is sent, and what it shows then."""

from dataclasses import dataclass
from itertools import groupby

import pyte
from rich.style import Style
from rich.text import Text


@dataclass
class Lines:
    columns: int
    plain: list
    styled: list


class Terminal:
    def __init__(self, columns, rows):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        # What is sent to a terminal of fewer rows than this one is not to be scrolled away.
        self.screen.set_mode(pyte.modes.LNM)

    def feed(self, content):
        self.stream.feed(content)

    def lines(self, change):
        plain, styled = [], []
        for row in range(self.screen.lines):
            cells = [self.screen.buffer[row][column] for column in range(self.screen.columns)]
            text = change("".join(cell.data for cell in cells))
            line = Text(text.rstrip())
            start = 0
            for style, same in groupby(map(_style, cells[: len(line)])):
                end = start + len(list(same))
                line.stylize(style, start, end)
                start = end
            plain.append(line.plain)
            styled.append(line)
        while plain and not plain[-1]:
            plain.pop()
            styled.pop()
        return Lines(self.screen.columns, plain, styled)


def _style(cell):
    return Style(
        color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold, italic=cell.italics, underline=cell.underscore
    )


def _colour(name):
    if name == "default":
        return None
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    bright = name.startswith("bright")
    name = {"brown": "yellow"}.get(name.removeprefix("bright"), name.removeprefix("bright"))
    return f"bright_{name}" if bright else name
