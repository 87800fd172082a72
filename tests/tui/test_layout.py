"""Layouts as a pure function of the window, and the whole app at each of them."""

from __future__ import annotations

import pytest

from coder_tui.tui.layout import MIN_COLUMNS, MIN_ROWS, Layout, Page, arrange, shown, too_small


@pytest.mark.parametrize(
    ("size", "layout"),
    [
        ((220, 60), Layout.WIDE),
        ((140, 40), Layout.WIDE),
        ((139, 40), Layout.MEDIUM),
        ((84, 24), Layout.MEDIUM),
        ((83, 24), Layout.NARROW),
        ((40, 10), Layout.NARROW),
        ((39, 10), Layout.TINY),
        ((40, 9), Layout.TINY),
        ((20, 5), Layout.TINY),
        ((1, 1), Layout.TINY),
    ],
)
def test_arrange_follows_the_window(size: tuple[int, int], layout: Layout) -> None:
    assert arrange(*size).layout is layout


def test_both_sides_always_have_room() -> None:
    for columns in range(84, 400):
        left = arrange(columns, 40).left
        assert 38 <= left <= columns - 46, columns


def test_too_small_fits_and_names_the_size_that_would_do() -> None:
    assert f"{MIN_COLUMNS}x{MIN_ROWS}" in too_small(39, 9)
    for columns in range(1, 60):
        assert len(too_small(columns, 5)) <= columns


def test_shown_parts() -> None:
    assert shown(Layout.TINY, Page.LOGS, Page.LOGS) == {"tiny"}
    assert {"needs", "agents", "timeline", "logs", "terminal"} <= shown(Layout.WIDE, Page.AGENTS, Page.TIMELINE)
    medium = shown(Layout.MEDIUM, Page.AGENTS, Page.LOGS)
    assert {"tabs", "agents", "logs"} <= medium
    assert not {"timeline", "terminal", "crumbs"} & medium
    narrow = shown(Layout.NARROW, Page.TIMELINE, Page.TIMELINE)
    assert {"crumbs", "right", "timeline"} <= narrow
    assert not {"left", "agents", "tabs", "logs"} & narrow


@pytest.mark.parametrize("layout", [Layout.WIDE, Layout.MEDIUM, Layout.NARROW])
@pytest.mark.parametrize("pane", ["needs", "agents", "timeline", "logs", "terminal"])
def test_zoom_shows_one_pane_only(layout: Layout, pane: str) -> None:
    parts = shown(layout, Page.AGENTS, Page.TIMELINE, pane)
    assert parts & {"needs", "agents", "timeline", "logs", "terminal"} == {pane}
