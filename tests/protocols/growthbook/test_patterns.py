"""A regular expression means to every SDK what it means to RE2, or it is not sent."""

import re

import pytest
import re2

from decisions.protocols.growthbook.patterns import escaped, portable_pattern
from decisions.protocols.growthbook.portable import Inexpressible

REFUSED = ["(?i)a", r"\bA", r"\pL", "(a+)+", "(a|b)*", "(a?){3}", ".", "^.{3}$", "[^a]", r"\D?", "[[:alpha:]]", "😀+",
           "[😀]", r"\x41", r"\A", "a{", "(?P<n>a)", "^*", "[]a]", r"[\D]", r"\Qa\E"]  # fmt: skip
TAKEN = ["^v[0-9]+$", r"\d\w\s", "a.*b", "[a-f0-9-]+", r"^[\w.]+@example\.com$", "(?:ab)+c?", "x|^$", r"[^\s]+",
         "a{2,3}", r"[\^\]]", "é+", "(a|b)", "a*?", r"\/", "a/b", "#&~", r"\t\n"]  # fmt: skip
TEXTS = ["", "v1", "v12\n", "5a ", "a\nb", "a\rb", "f-", "me@example.com", "me@examplexcom", "ababc", "x", "\n", "aa",
         "aaa", "^", "]", "éé", "٥", "\u00a0", "ä_", "a/b", "#&~", "\t\n", "😀", "a😀b"]  # fmt: skip


@pytest.mark.parametrize("pattern", REFUSED)
def test_a_pattern_that_engines_read_differently_is_refused(pattern: str) -> None:
    with pytest.raises(Inexpressible):
        portable_pattern(pattern)


@pytest.mark.parametrize("pattern", TAKEN)
def test_a_pattern_matches_in_python_what_it_matches_in_re2(pattern: str) -> None:
    ours, theirs = re2.compile(pattern), re.compile(portable_pattern(pattern))

    for text in TEXTS:
        assert bool(theirs.search(text)) == bool(ours.search(text)), text


def test_an_escaped_text_matches_itself() -> None:
    text = "".join(map(chr, range(1, 127)))

    assert re.fullmatch(escaped(text), text)
    assert all(re.fullmatch(escaped(character), character) for character in text)
