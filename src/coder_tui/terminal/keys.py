"""Keys, pastes and mouse events to what xterm would send.

Sources: xterm's ctlseqs ("PC-Style Function Keys", "Bracketed Paste Mode", "Mouse Tracking") and its
`modifyCursorKeys=2` defaults, which is what `TERM=xterm-256color` promises the program; and, for programs that ask for
it, the kitty keyboard protocol (https://sw.kovidgoyal.net/kitty/keyboard-protocol/), as far as one can who hears of
presses only, and not of the layout. Key names are in Textual's spelling, `ctrl+shift+left` or `left_square_bracket`;
no Textual is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from coder_tui.terminal.core import Modes, MouseEncoding, MouseTracking

# Final letter of `CSI letter`, `SS3 letter` in application mode, `CSI 1;m letter` with modifiers.
_LETTERS = {"up": "A", "down": "B", "right": "C", "left": "D", "end": "F", "home": "H"}
_FUNCTION_LETTERS = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
# Number of `CSI number ~`, `CSI number;m ~` with modifiers.
_NUMBERS = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6}
_NUMBERS |= {"f5": 15, "f6": 17, "f7": 18, "f8": 19, "f9": 20, "f10": 21, "f11": 23, "f12": 24}
# terminfo's kf13 to kf24 are shift+f1 to shift+f12, and Textual names the latter so.
_SHIFTED = {f"f{number + 12}": f"f{number}" for number in range(1, 13)}
_SIMPLE = {"enter": "\r", "tab": "\t", "escape": "\x1b", "backspace": "\x7f", "space": " "}
_MODIFIERS = {"shift": 1, "alt": 2, "meta": 2, "ctrl": 4}
# The kitty protocol: more modifiers, and one form, `CSI number ; modifiers final`, for every key without text.
_KITTY_MODIFIERS = {"shift": 1, "alt": 2, "ctrl": 4, "super": 8, "hyper": 16, "meta": 32}
_DISAMBIGUATE, _ALTERNATES, _ALL_KEYS, _TEXT = 1, 4, 8, 16
_KITTY = {"escape": (27, "u"), "enter": (13, "u"), "tab": (9, "u"), "backspace": (127, "u"), "f3": (13, "~")}
_KITTY |= {key: (1, letter) for key, letter in (_LETTERS | {"f1": "P", "f2": "Q", "f4": "S"}).items()}
_KITTY |= {key: (number, "~") for key, number in _NUMBERS.items()}
_TYPED = ("enter", "tab", "backspace")  # stay what they are while alone, so that a shell left behind can be used
# What ctrl makes of keys that are no letters (xterm: the C0 character of the same column, or of the US layout).
_CONTROL = {
    "space": "\0",
    "at": "\0",
    "@": "\0",
    "2": "\0",
    "left_square_bracket": "\x1b",
    "3": "\x1b",
    "backslash": "\x1c",
    "4": "\x1c",
    "right_square_bracket": "\x1d",
    "5": "\x1d",
    "circumflex_accent": "\x1e",
    "6": "\x1e",
    "underscore": "\x1f",
    "minus": "\x1f",
    "slash": "\x1f",
    "7": "\x1f",
    "question_mark": "\x7f",
    "8": "\x7f",
    "backspace": "\x08",
}
_NAMED = {
    "exclamation_mark": "!",
    "quotation_mark": '"',
    "number_sign": "#",
    "dollar_sign": "$",
    "percent_sign": "%",
    "ampersand": "&",
    "apostrophe": "'",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "asterisk": "*",
    "plus": "+",
    "comma": ",",
    "minus": "-",
    "full_stop": ".",
    "slash": "/",
    "colon": ":",
    "semicolon": ";",
    "less_than_sign": "<",
    "equals_sign": "=",
    "greater_than_sign": ">",
    "question_mark": "?",
    "at": "@",
    "left_square_bracket": "[",
    "backslash": "\\",
    "right_square_bracket": "]",
    "circumflex_accent": "^",
    "underscore": "_",
    "grave_accent": "`",
    "left_curly_bracket": "{",
    "vertical_line": "|",
    "right_curly_bracket": "}",
    "tilde": "~",
}
_PASTE_START, _PASTE_END = "\x1b[200~", "\x1b[201~"
_WHEEL_LINES = 3

Button = Literal["left", "middle", "right", "none", "wheel_up", "wheel_down", "wheel_left", "wheel_right"]
Action = Literal["press", "release", "move"]
_BUTTONS: dict[Button, int] = {
    "left": 0,
    "middle": 1,
    "right": 2,
    "none": 3,
    "wheel_up": 64,
    "wheel_down": 65,
    "wheel_left": 66,
    "wheel_right": 67,
}


def encode_key(key: str, character: str | None, modes: Modes) -> bytes:
    """What key `key` sends. `character` is what it types, if anything. Unknown keys send nothing (`b""`)."""
    *modifiers, base = key.split("+")
    if modes.kitty & (_DISAMBIGUATE | _ALL_KEYS):
        kitty_bits = sum(_KITTY_MODIFIERS.get(modifier, 0) for modifier in set(modifiers))
        return _encode_kitty(base, kitty_bits, character, modes.kitty).encode("utf-8", "replace")
    bits = 0
    for modifier in modifiers:
        if modifier not in _MODIFIERS:
            return b""  # super and hyper have no code of their own
        bits |= _MODIFIERS[modifier]
    return _encode(base, bits, character, modes).encode("utf-8", "replace")


def _encode(base: str, bits: int, character: str | None, modes: Modes) -> str:
    if base in _SHIFTED:
        base, bits = _SHIFTED[base], bits | 1
    if base in _LETTERS:
        if bits:
            return f"\x1b[1;{bits + 1}{_LETTERS[base]}"
        return ("\x1bO" if modes.application_cursor else "\x1b[") + _LETTERS[base]
    if base in _FUNCTION_LETTERS:
        letter = _FUNCTION_LETTERS[base]
        return f"\x1b[1;{bits + 1}{letter}" if bits else f"\x1bO{letter}"
    if base in _NUMBERS:
        return f"\x1b[{_NUMBERS[base]}{f';{bits + 1}' if bits else ''}~"
    if base == "tab" and bits & 1:
        return ("\x1b" if bits & 2 else "") + "\x1b[Z"
    prefix = "\x1b" if bits & 2 else ""
    if bits & 4:
        control = _CONTROL.get(base)
        if control is None and len(base) == 1 and base.isascii() and base.isalpha():
            control = chr(ord(base.lower()) & 0x1F)
        if control is not None:
            return prefix + control
    if base in _SIMPLE:
        return prefix + _SIMPLE[base]
    if character and character.isprintable():
        return prefix + character
    typed = base if len(base) == 1 else _NAMED.get(base, "")
    return prefix + (typed.upper() if bits & 1 else typed) if typed else ""


def _encode_kitty(base: str, bits: int, character: str | None, flags: int) -> str:
    if base in _SHIFTED:
        base, bits = _SHIFTED[base], bits | 1
    if base in _KITTY:
        number, final = _KITTY[base]
        if not bits:
            if base in _TYPED and not flags & _ALL_KEYS:
                return _SIMPLE[base]
            return f"\x1b[{final}" if number == 1 else f"\x1b[{number}{final}"
        return f"\x1b[{number};{bits + 1}{final}"
    if base in ("@", "at") and bits == _KITTY_MODIFIERS["ctrl"]:
        base = "space"  # a terminal without the protocol says ctrl+@ for it
    typed = character if character and character.isprintable() else _plain(base)
    if len(typed) != 1:
        return typed  # a whole word from an input method, or a key that types nothing
    plain, shifted = _cased(typed, str.lower), _cased(typed, str.upper)
    if not bits & ~1 and not flags & _ALL_KEYS:
        return shifted if bits else typed
    if typed != plain:
        bits |= 1
    code, text, modifiers = str(ord(plain)), "", ""
    if flags & _ALTERNATES and bits & 1 and plain != shifted:
        code += f":{ord(shifted)}"
    if flags & _TEXT and not bits & ~1:
        text = f";{ord(shifted if bits else typed)}"
    if bits or text:
        modifiers = f";{bits + 1 if bits else ''}"
    return f"\x1b[{code}{modifiers}{text}u"


def _cased(char: str, case: Callable[[str], str]) -> str:
    """`char` in another case, where that is one character too."""
    other = case(char)
    return other if len(other) == 1 else char


def _plain(base: str) -> str:
    """What a key types by its name."""
    return base if len(base) == 1 else " " if base == "space" else _NAMED.get(base, "")


def encode_paste(text: str, modes: Modes) -> bytes:
    """Pasted text: line ends as the Return key, and bracketed when the program asks for it.

    Escape characters are dropped, so that text cannot end the bracket early or press keys of its own.
    """
    text = text.replace("\r\n", "\r").replace("\n", "\r")
    text = "".join(char for char in text if char in "\t\r" or not ("\0" <= char < " " or "\x7f" <= char < "\xa0"))
    if modes.bracketed_paste:
        text = f"{_PASTE_START}{text}{_PASTE_END}"
    return text.encode("utf-8", "replace")


def encode_focus(focused: bool, modes: Modes) -> bytes:
    """Focus in or out, where the program asked to hear of it (mode 1004)."""
    if not modes.focus_events:
        return b""
    return b"\x1b[I" if focused else b"\x1b[O"


def encode_wheel_as_arrows(up: bool, modes: Modes) -> bytes:
    """What the wheel sends on the alternate screen when the program does not track the mouse (mode 1007)."""
    return encode_key("up" if up else "down", None, modes) * _WHEEL_LINES


def encode_mouse(
    button: Button,
    action: Action,
    x: int,
    y: int,
    modes: Modes,
    *,
    shift: bool = False,
    alt: bool = False,
    ctrl: bool = False,
) -> bytes:
    """A mouse event at cell `x`, `y` (zero-based), or nothing where the program does not want to hear of it."""
    tracking, wheel = modes.mouse, button.startswith("wheel")
    if not _wanted(tracking, button, action) or (action == "release" and wheel):
        return b""
    code = _BUTTONS[button] + (32 if action == "move" else 0)
    if tracking is not MouseTracking.PRESS:  # X10 mode knows no modifiers
        code += 4 * shift + 8 * alt + 16 * ctrl
    column, row = x + 1, y + 1
    if modes.mouse_encoding is MouseEncoding.SGR:
        return f"\x1b[<{code};{column};{row}{'m' if action == 'release' else 'M'}".encode()
    if action == "release":
        code = code & ~3 | 3
    if modes.mouse_encoding is MouseEncoding.URXVT:
        return f"\x1b[{code + 32};{column};{row}M".encode()
    # One byte each: a channel that carries text cannot say more than 0x7F, mode 1005 says it in UTF-8.
    limit = 0x7FF if modes.mouse_encoding is MouseEncoding.UTF8 else 0x7F
    if max(column, row) + 32 > limit:
        return b""
    return ("\x1b[M" + chr(code + 32) + chr(column + 32) + chr(row + 32)).encode()


def _wanted(tracking: MouseTracking, button: Button, action: Action) -> bool:
    if tracking is MouseTracking.NONE:
        return False
    if action == "press":
        return True
    if action == "release":
        return tracking is not MouseTracking.PRESS
    return tracking is MouseTracking.MOTION or (tracking is MouseTracking.DRAG and button != "none")
