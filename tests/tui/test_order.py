"""The order of the Agents pane: what is updated is what a new layout would be, and nothing gets lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tui.small_fleet import NOW, StoreSource, agent, ago, app, small_fleet, status, workspace

from coder_tui.fleet.snapshot import Key, Row, Workspace
from coder_tui.tui.order import Group, Heading, Order, Sort

ROWS = StoreSource(*small_fleet()).snapshot.rows
ORDERS = st.tuples(st.sampled_from(Group), st.sampled_from(Sort))


def laid_out(rows: Sequence[Row], group: Group, sort: Sort = Sort.NAME) -> list[str]:
    """The list as words: headings in brackets, rows by workspace and app."""
    order = Order(group, sort)
    order.lay_out(rows)
    return [word_of(item) for item in order.items]


def word_of(item: Row | Workspace | Heading) -> str:
    if isinstance(item, Heading):
        return f"[{item.name} {item.count}]"
    return f"[{item.name}]" if isinstance(item, Workspace) else f"{item.workspace.name}/{item.key.app}"


def test_the_plain_order_is_the_lists() -> None:
    assert laid_out(ROWS, Group.WORKSPACE) == [
        "[ci-flake]",
        "ci-flake/codex",
        "[docs]",
        "docs/claude",
        "[api-refactor]",
        "api-refactor/claude",
        "api-refactor/aider",
        "old-thing/",
        "[search]",
        "search/goose",
        "search/claude",
        "search/claude",
        "[spike]",
        "spike/claude",
    ]


def test_workspaces_by_urgency_and_by_change() -> None:
    urgent = [word for word in laid_out(ROWS, Group.WORKSPACE, Sort.URGENT) if word[0] == "["]
    assert urgent == ["[api-refactor]", "[ci-flake]", "[spike]", "[docs]", "[search]"]
    newest = [word for word in laid_out(ROWS, Group.WORKSPACE, Sort.NEWEST) if word[0] == "["]
    assert newest == ["[api-refactor]", "[search]", "[spike]", "[ci-flake]", "[docs]"]


def test_states_stand_in_order_of_need() -> None:
    words = [word for word in laid_out(ROWS, Group.STATE) if word[0] == "["]
    assert words == ["[asks 1]", "[failed 1]", "[done 1]", "[quiet 1]", "[working 3]", "[idle 1]", "[stopped 1]"]
    oldest = laid_out(ROWS, Group.STATE, Sort.OLDEST)
    working = oldest[oldest.index("[working 3]") + 1 :][:3]
    assert working == ["search/goose", "search/claude", "api-refactor/aider"]


def test_deployments_and_no_groups() -> None:
    words = laid_out(ROWS, Group.DEPLOYMENT, Sort.URGENT)
    assert (words[0], words[1], words[9]) == ("[acme 8]", "api-refactor/claude", "[laptop 1]")
    assert laid_out(ROWS, Group.NONE) == [word for word in laid_out(ROWS, Group.WORKSPACE) if word[0] != "["]


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from(["working", "idle", "failure", "complete"]),
        st.integers(0, 99),
        st.booleans(),
    ),
    max_size=6,
)


def fleet(said: dict[int, tuple[str, int, bool]]) -> StoreSource:
    spaces = []
    for number in range(8):
        state, minutes, asks = said.get(number, ("working", 50, False))
        told = status(state, "words", ago(minutes=minutes), asks=asks)
        spaces.append(workspace("kira", f"w{number // 2}{number}", agent(app("claude", told), ident=f"a{number}")))
    return StoreSource(*spaces, names=("acme",))


@settings(max_examples=50)
@given(ORDERS, CHANGES)
def test_an_update_gives_what_a_new_layout_would(
    chosen: tuple[Group, Sort], changes: list[tuple[int, str, int, bool]]
) -> None:
    rows: Sequence[Row] = fleet({}).snapshot.rows
    order = Order(*chosen)
    order.lay_out(rows)
    said: dict[int, tuple[str, int, bool]] = {}
    for number, state, minutes, asks in changes:
        said[number] = state, minutes, asks
        after = fleet(said).snapshot.rows
        order.update(after, [place for place, row in enumerate(after) if row != rows[place]])
        rows = after
        anew = Order(*chosen)
        anew.lay_out(rows)
        assert list(map(word_of, order.items)) == list(map(word_of, anew.items))
        assert order.keys == anew.keys
        shown = {item.key: item for item in order.items if isinstance(item, Row)}
        assert [shown[row.key] for row in rows] == list(rows)


def test_what_does_not_move_is_painted_again_where_it_stands() -> None:
    order = Order(Group.STATE, Sort.NAME)
    order.lay_out(ROWS)
    place = next(place for place, row in enumerate(ROWS) if row.key.app == "goose")
    changed = [*ROWS]
    changed[place] = replace(ROWS[place], log_at=NOW)
    touched = order.update(changed, [place])
    assert touched is not None
    (index,) = touched
    assert order.items[index] is changed[place]
    assert order.keys[index] == Key("acme", "ws-mia-search", "dev", "goose")
