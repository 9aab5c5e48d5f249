"""
The page of the technicalities (S6): what puzzles a person, and the claim that says why. Read out of the claims' source.

``python -m spec.report.technicalities`` writes ``docs/technicalities.md``; a test holds the page to the claims.
"""

from __future__ import annotations

from spec.report.source import ROOT, chapters

PAGE = ROOT / "docs" / "technicalities.md"
HEAD = """# Why do my network and my GLM disagree?

A network without a hidden layer is a generalized linear model "save for some statistical technicalities", says the answer
that these claims follow, and names none. Here they are. On the left is what puzzles a person, on the right the claim that
says why, with its name. Each runs: `pytest` with the file that the heading links to ends with a table of its claims.

*Generated from the claims by `python -m spec.report.technicalities`.*
"""


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for chapter in chapters():
        if found := [claim for claim in chapter.claims if "S6" in claim.source]:
            parts.append(f"## [{chapter.title}](../{chapter.path.relative_to(ROOT)})\n")
            rows = [f"| {claim.symptom} | {claim.sentence} `{claim.slug}` |" for claim in found]
            parts.append("\n".join(["| you see | because |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
