"""What the fixer works on: small modules with a bug, their tests, and what it will try in turn."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Edit:
    """Replace `old` by `new` in the module, because of `why`."""

    why: str
    old: str
    new: str


@dataclass(frozen=True)
class Exercise:
    """A module with a bug. Not every edit helps: the tests decide."""

    name: str
    module: str
    tests: str
    edits: tuple[Edit, ...]


def _text(source: str) -> str:
    return dedent(source).lstrip()


EXERCISES = (
    Exercise(
        "slugify",
        _text('''
            """Titles to URL slugs."""
            import re


            def slugify(title: str) -> str:
                words = re.split(r"[^A-Za-z0-9]", title)
                return "-".join(words).lower()
        '''),
        _text("""
            import unittest
            from slugify import slugify


            class SlugifyTest(unittest.TestCase):
                def test_lower(self):
                    self.assertEqual(slugify("Hello"), "hello")

                def test_words(self):
                    self.assertEqual(slugify("Hello World"), "hello-world")

                def test_punctuation(self):
                    self.assertEqual(slugify("What? Why!"), "what-why")

                def test_ends(self):
                    self.assertEqual(slugify(" padded "), "padded")

                def test_accents(self):
                    self.assertEqual(slugify("Crème brûlée"), "creme-brulee")
        """),
        (
            Edit("split on runs, not single characters", '[^A-Za-z0-9]"', '[^A-Za-z0-9]+"'),
            Edit("drop the empty words at the ends", "join(words)", "join(filter(None, words))"),
            Edit(
                "fold accents before splitting",
                "    words = ",
                '    title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()\n    words = ',
            ),
            Edit("import what I just used", "import re\n", "import re\nimport unicodedata\n"),
        ),
    ),
    Exercise(
        "windows",
        _text('''
            """Sliding windows over a list."""


            def windows(items: list, size: int) -> list:
                return [items[i : i + size] for i in range(len(items))]
        '''),
        _text("""
            import unittest
            from windows import windows


            class WindowsTest(unittest.TestCase):
                def test_pairs(self):
                    self.assertEqual(windows([1, 2, 3], 2), [[1, 2], [2, 3]])

                def test_nothing(self):
                    self.assertEqual(windows([], 1), [])

                def test_exact(self):
                    self.assertEqual(windows([1, 2], 2), [[1, 2]])

                def test_too_short(self):
                    self.assertEqual(windows([1], 2), [])

                def test_no_size(self):
                    with self.assertRaises(ValueError):
                        windows([1], 0)
        """),
        (
            Edit("stop one window before the end", "range(len(items))", "range(len(items) - size)"),
            Edit("that lost the last window: off by one", "len(items) - size)", "len(items) - size + 1)"),
            Edit(
                "refuse a size below 1",
                "    return ",
                '    if size < 1:\n        raise ValueError("size must be at least 1")\n    return ',
            ),
        ),
    ),
    Exercise(
        "cache",
        _text('''
            """A cache that forgets the least recently used."""
            from collections import OrderedDict


            class Cache:
                def __init__(self, size: int) -> None:
                    self.size = size
                    self.items = OrderedDict()

                def get(self, key, default=None):
                    return self.items.get(key, default)

                def put(self, key, value) -> None:
                    self.items[key] = value
                    if len(self.items) >= self.size:
                        self.items.popitem()
        '''),
        _text("""
            import unittest
            from cache import Cache


            class CacheTest(unittest.TestCase):
                def test_keeps(self):
                    cache = Cache(2)
                    cache.put("a", 1)
                    cache.put("b", 2)
                    self.assertEqual((cache.get("a"), cache.get("b")), (1, 2))

                def test_forgets_the_oldest(self):
                    cache = Cache(1)
                    cache.put("a", 1)
                    cache.put("b", 2)
                    self.assertEqual((cache.get("a"), cache.get("b")), (None, 2))

                def test_reading_is_using(self):
                    cache = Cache(2)
                    cache.put("a", 1)
                    cache.put("b", 2)
                    cache.get("a")
                    cache.put("c", 3)
                    self.assertEqual((cache.get("a"), cache.get("b")), (1, None))
        """),
        (
            Edit("it is full only above its size", ">= self.size", "> self.size"),
            Edit("forget the first item, not the last", "popitem()", "popitem(last=False)"),
            Edit(
                "a read makes it recent",
                "        return self.items.get",
                "        if key in self.items:\n            self.items.move_to_end(key)\n        return self.items.get",
            ),
        ),
    ),
)
