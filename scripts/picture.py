"""Draw the picture of the README from a real run: cells and outputs of docs/recorded/quickstart.json as an SVG.

``scripts/demo.py --record docs/recorded/quickstart.json`` makes the recording. Nothing in the picture is made up: it is
the text of the cells and the text that they printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

ROOT = Path(__file__).resolve().parent.parent
RECORDED = ROOT / "docs" / "recorded" / "quickstart.json"
PICTURE = ROOT / "docs" / "_static" / "quickstart.svg"

CELLS = ("load", "climatology", "result", "held")
WIDTH, LINE = 900, 18
CODE_LEFT, TEXT_LEFT = 64, 76
LONGEST = 106
"""Characters of a line that fit."""

COLOURS: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "comment"),
    (Keyword, "keyword"),
    (Operator.Word, "keyword"),
    (String, "string"),
    (Number, "number"),
    (Name.Builtin, "builtin"),
    (Operator, "operator"),
)

STYLE = """
  text { font: 12.5px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre;
         fill: #1f2328 }
  .page { fill: #ffffff; stroke: #d0d7de } .code { fill: #f6f8fa; stroke: #e1e4e8 }
  .prompt { fill: #57606a } .magic { fill: #8250df; font-weight: 600 } .comment { fill: #6e7781 }
  .keyword { fill: #cf222e } .string { fill: #0a3069 } .number { fill: #0550ae } .builtin { fill: #0550ae }
  .operator { fill: #57606a } .good { fill: #1a7f37; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .page { fill: #0d1117; stroke: #30363d } .code { fill: #161b22; stroke: #30363d }
    .prompt, .comment, .operator { fill: #8b949e } .magic { fill: #d2a8ff } .keyword { fill: #ff7b72 }
    .string { fill: #a5d6ff } .number, .builtin { fill: #79c0ff } .good { fill: #3fb950 }
  }
"""


def main() -> int:
    """Write the picture; with ``--check`` only say whether it is the one of today's recording."""
    drawn = draw(json.loads(RECORDED.read_text(encoding="utf-8")))
    if "--check" in sys.argv[1:]:
        return 0 if PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == drawn else 1
    PICTURE.write_text(drawn, encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
    return 0


def draw(recorded: dict[str, dict[str, str]]) -> str:
    """Return the SVG."""
    parts: list[str] = []
    top = 16.0
    for cell in CELLS:
        code = recorded["sources"][cell].splitlines()
        room = len(code) * LINE + 14
        parts.append(f'<rect class="code" x="{CODE_LEFT}" y="{top}" width="{WIDTH - 80}" height="{room}" rx="4"/>')
        parts.append(text(16, top + LINE + 2, span("prompt", "In:")))
        for line in code:
            top += LINE
            parts.append(text(TEXT_LEFT, top + 2, "".join(coloured(line))))
        top += 14 + 4
        for line in recorded["outputs"].get(cell, "").splitlines():
            top += LINE
            good = line == "held: nothing"
            parts.append(text(TEXT_LEFT, top, span("good", line) if good else escape(line)))
        top += 14
    body = "\n".join(parts)
    height = top + 8
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}"
     viewBox="0 0 {WIDTH} {height:g}">
<title>The quickstart notebook: cells and what they printed</title>
<style>{STYLE}</style>
<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="8"/>
{body}
</svg>
"""


def text(x: float, y: float, inner: str) -> str:
    """Return one line of text; ``xml:space`` keeps the indentation in viewers that do not know ``white-space``."""
    return f'<text x="{x:g}" y="{y:g}" xml:space="preserve">{inner}</text>'


def span(kind: str, words: str) -> str:
    """Return words in the colour of a kind."""
    return f'<tspan class="{kind}">{escape(words)}</tspan>'


def coloured(line: str) -> Iterator[str]:
    """Yield a line of a cell in colours."""
    if len(line) > LONGEST:
        raise ValueError(f"the picture has room for {LONGEST} characters, not for {len(line)}: {line}")
    if line.startswith("%"):
        yield span("magic", line)
        return
    for kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(line):
        name = next((name for token, name in COLOURS if kind in token), None)
        yield span(name, value) if name else escape(value)


if __name__ == "__main__":
    sys.exit(main())
