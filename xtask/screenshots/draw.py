"""Pictures of terminals, as SVG that needs nothing from elsewhere."""

import io
import re

from rich.console import Console
from rich.terminal_theme import TerminalTheme

# Longer ones are shown without their beginning.
MOST_LINES = 36

THEME = TerminalTheme(
    (24, 26, 31),
    (220, 223, 228),
    [(63, 68, 81), (224, 108, 117), (152, 195, 121), (229, 192, 123),
     (97, 175, 239), (198, 120, 221), (86, 182, 194), (220, 223, 228)],
    [(122, 130, 148), (240, 128, 137), (170, 215, 140), (240, 207, 140),
     (120, 190, 250), (215, 145, 235), (110, 200, 210), (255, 255, 255)],
)


def draw(lines, path):
    console = Console(record=True, width=lines.columns, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    shown = lines.styled
    if len(shown) > MOST_LINES:
        # The line that was typed stays.
        shown = [shown[0], "  ...", *shown[2 - MOST_LINES :]]
    for line in shown:
        console.print(line, no_wrap=True, overflow="crop", highlight=False, markup=False)
    svg = console.export_svg(title="", theme=THEME, unique_id=path.stem)
    # rich names a font of a foreign server; those of the reader do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S).replace("Fira Code, monospace", "monospace")
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
