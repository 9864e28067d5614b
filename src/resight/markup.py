"""Text of people in HTML and XML, where it can mean nothing but itself."""

from __future__ import annotations

import html


def plain_text(text: str) -> str:
    """Escapes text for HTML and XML, also inside quotes; control characters, which they forbid, become symbols."""
    return html.escape("".join(_allowed(character) for character in text), quote=True)


def _allowed(character: str) -> str:
    code = ord(character)
    if code < 32:
        return chr(0x2400 + code)
    return "\ufffd" if 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE else character
