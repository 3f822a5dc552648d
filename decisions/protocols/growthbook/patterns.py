"""RE2's patterns as patterns that mean the same to JavaScript and to Python, or a refusal to write them."""

import re

from decisions.protocols.growthbook.portable import Inexpressible

_TOKEN = re.compile(
    r"""(?P<escape>\\(?s:.))
      | (?P<set>\[(?:\\(?s:.)|[^\]\\\[])+\])
      | (?P<open>\((?:\?:)?)
      | (?P<close>\))
      | (?P<repeat>(?:[*+?]|\{[0-9]{1,4}(?:,[0-9]{0,4})?\})\??)
      | (?P<other>[|^.$])
      | (?P<literal>[^\\\[\](){}*+?|^$.])""",
    re.VERBOSE,
)
_MEMBER = re.compile(r"(\\(?s:.)|[^\\])(?:-(\\(?s:.)|[^\\]))?", re.DOTALL)
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_CONTROLS = {"n": r"\n", "r": r"\r", "t": r"\t", "f": r"\f"}
_BARE = "(|^"
_LONG = 0xFFFF


def escaped(text: str) -> str:
    """A text as a pattern that matches exactly it."""
    return "".join(_literal(character) for character in text)


def portable_pattern(pattern: str) -> str:
    """A pattern that RE2 took, for engines that backtrack and disagree. Raises `Inexpressible`.

    What they read differently is spelled out (`.`, `$`, `\\d`); what cannot be is refused: flags, word boundaries,
    Unicode classes, counting characters that JavaScript counts by halves, and repetitions inside repetitions, for which
    RE2 needs no longer than for others, and they for ever.
    """
    return _Reading(pattern).whole()


class _Reading:
    """One pattern, from its first token to its last."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.written = pattern, list[str]()
        self.groups = [False]
        """For each group that is open, the whole pattern first: whether something in it varies."""
        self.last, self.closed_varies = "(", False

    def whole(self) -> str:
        position = 0
        while position < len(self.pattern):
            found = _TOKEN.match(self.pattern, position)
            if found is None:
                raise Inexpressible(f"the regular expression has {self.pattern[position]!r} where SDKs disagree")
            kind, token = str(found.lastgroup), found[0]
            getattr(self, f"_{kind}")(token)
            position = found.end()
        if self.last == "wide":
            raise _counts("a class that excludes")
        return "".join(self.written)

    def _put(self, text: str, last: str) -> None:
        if self.last == "wide" and last != "repeat":
            raise _counts("a class that excludes")
        self.written.append(text)
        self.last = last

    def _escape(self, written: str) -> None:
        name = written[1]
        if name in _CLASSES:
            self._put(f"[{_CLASSES[name]}]", "one")
        elif name.lower() in _CLASSES:
            self._put(f"[^{_CLASSES[name.lower()]}]", "wide")
        else:
            self._put(_unescaped(written), "one")

    def _set(self, token: str) -> None:
        is_negated = token.startswith("[^")
        members = token[2 if is_negated else 1 : -1]
        if not members or "[" in members:
            raise Inexpressible(f"the regular expression has the class {token!r}, which SDKs read differently")
        written = "".join(_member(*found.groups()) for found in _MEMBER.finditer(members))
        self._put(f"[{'^' if is_negated else ''}{written}]", "wide" if is_negated else "one")

    def _open(self, token: str) -> None:
        self._put(token, "(")
        self.groups.append(False)

    def _close(self, token: str) -> None:
        self._put(token, "group")
        self.closed_varies = self.groups.pop()
        self.groups[-1] |= self.closed_varies

    def _repeat(self, token: str) -> None:
        if self.last in {"(", "|", "^", "$", "repeat"}:
            raise Inexpressible(f"the regular expression repeats nothing with {token!r}")
        if self.last == "wide" and token[0] not in "*+":
            raise _counts(token)
        is_many = not token.startswith("?")
        if is_many and self.last == "group" and self.closed_varies:
            raise Inexpressible("the regular expression repeats a group that varies, which can take SDKs for ever")
        self.groups[-1] = True
        self._put(token, "repeat")

    def _other(self, sign: str) -> None:
        self.groups[-1] |= sign == "|"
        if sign == ".":
            self._put(r"[^\n]", "wide")
        else:
            self._put(r"$(?!\n)" if sign == "$" else sign, sign)

    def _literal(self, token: str) -> None:
        self._put(_literal(token), "one")


def _counts(what: str) -> Inexpressible:
    return Inexpressible(f"the regular expression counts characters with {what}, and SDKs count them differently")


def _literal(character: str) -> str:
    if ord(character) > _LONG:
        raise Inexpressible(f"the text has {character!r}, which JavaScript takes for two characters")
    if character.isascii() and not character.isalnum() and character not in " _\t\n\r\f":
        return f"\\{character}" if character in r"\^$.|?*+()[]{}-" else character
    return character


def _unescaped(token: str) -> str:
    """An escape of one character."""
    name = token[1]
    if name in _CONTROLS:
        return _CONTROLS[name]
    if not name.isascii() or name.isalnum() or name in "<>":  # Python keeps some of these for later
        raise Inexpressible(f"the regular expression has {token!r}, which SDKs read differently")
    return _literal(name)


def _member(first: str, last: str | None) -> str:
    """One character of a class, or a range of them."""
    if first.startswith("\\") and first[1] in _CLASSES and last is None:
        return _CLASSES[first[1]]
    ends = [_unescaped(end) if end.startswith("\\") and len(end) == 2 else _inside(end) for end in (first, last) if end]
    return "-".join(ends)


def _inside(character: str) -> str:
    escapes = character in r"\]^-[&|~#"
    return f"\\{character}" if escapes else _literal(character) if ord(character) > _LONG else character
