"""Texts that try to be more than text, for the tests of everything that shows what models wrote."""

HOSTILE = (
    "::error file=x::owned",
    "\n::add-mask::secret",
    "##[error]owned",
    "##vso[task.complete result=Succeeded;]",
    "<script>alert(1)</script>",
    "<!-- comment",
    "</code></td></table><img src=x onerror=alert(1)>",
    "![pixel](https://example.org/pixel.png)",
    "[link](https://example.org) and www.example.org, https://example.org",
    "@everyone, see #1 and someone/project#2",
    "a | b | c\n|---|---|",
    "# Heading\n\n- list\n\n> quote\n\n```sh\nrm\n```",
    "`code` and ``more`` and **bold** and ~~gone~~ and $math$",
    "\\| \\` \\<b> &lt;b&gt; &#64;name",
    "\x1b[31mred\x1b[0m \x07 \u202e right to left \u2028 line",
    "%0A::error::owned %25",
    "x" * 10_000,
)
