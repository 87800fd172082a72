from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet.build import DUE, NOW, QUIET, agent, ago, app, deployment, said, workspace

from coder_tui.errors import UsageError
from coder_tui.fleet.events import AcksChanged, DeploymentChanged, FleetListed
from coder_tui.fleet.query import LENGTH, FilterError, Query, parse
from coder_tui.fleet.snapshot import LinkState, Snapshot
from coder_tui.fleet.store import Store
from coder_tui.fleet.terms import FLAGS, VALUES


def _fleet() -> Snapshot:
    """Rows api (asks), flake (failed, acked), docs (quiet, due, of a lost deployment), off (stopped, no agents)."""
    store = Store(QUIET, DUE)
    asking = workspace(agent(app(said("blocked", 2, "May I run `alembic upgrade`?"))), name="api-refactor")
    failed = agent(app(said("failure", 3, "Tests FAIL"), slug="codex"), name="ci")
    off = workspace(name="off", owner="Kira", build_status="stopped")
    quiet = workspace(agent(app(said("working", 90))), name="docs", owner="bo", deadline=ago(-9))
    return store.apply(
        DeploymentChanged(deployment("dev.acme.io", user="kira")),
        DeploymentChanged(deployment("laptop", LinkState.RETRYING, user="bo")),
        FleetListed("dev.acme.io", (asking, workspace(failed, name="flake", owner="ana"), off), NOW),
        FleetListed("laptop", (quiet,), NOW),
        AcksChanged(frozenset({"failure-3"})),
    )


FLEET = _fleet()

WANTED = [
    ("", "api-refactor flake off docs"),
    ("  ", "api-refactor flake off docs"),
    ("api", "api-refactor"),
    ("KIRA", "api-refactor off"),
    ("kira/api", "api-refactor"),
    ("fail", "flake"),
    ('"may i run"', "api-refactor"),
    ("may upgrade", "api-refactor"),
    ("may nothing", ""),
    ("api | docs", "api-refactor docs"),
    ("kira !api", "off"),
    ("!!api", "api-refactor"),
    ("(api | flake) !ana", "api-refactor"),
    ("!(api | flake)", "off docs"),
    ("a | b c | d", "api-refactor flake off docs"),
    ("state:asks", "api-refactor"),
    ("state:blocked", "api-refactor"),
    ("state:failed", "flake"),
    ("state:FAILURE", "flake"),
    ("state:quiet | state:stopped", "off docs"),
    ("state:connected", "api-refactor flake docs"),
    ("state:work", ""),
    ("state:work*", "docs"),
    ("owner:me", "api-refactor off docs"),
    ("owner:ana", "flake"),
    ("owner:an", ""),
    ("owner:a*", "flake"),
    ("workspace:api*", "api-refactor"),
    ("workspace:api", "api-refactor"),
    ("workspace:refactor*", ""),
    ("workspace:k*/?pi*", "api-refactor"),
    ("workspace:[ab]*", ""),
    ("app:claude agent:main", "api-refactor docs"),
    ("app:cod", "flake"),
    ("agent:ci", "flake"),
    ("deployment:acme", "api-refactor flake off"),
    ('deployment:"laptop"', "docs"),
    ("age>10m", "docs"),
    ("age<2m30s", "api-refactor"),
    ("age>=2m age<=3m", "api-refactor flake"),
    ("age<1w", "api-refactor flake docs"),
    ("is:acked", "flake"),
    ("is:stale", "docs"),
    ("is:due", "docs"),
    ("is:running", "api-refactor flake docs"),
    ("is:snoozed", ""),
    ("!is:running", "off"),
    ("/alembic.*upgrade/", "api-refactor"),
    ("/^tests? fail$/", "flake"),
    (r"/kira\/(api|off)/", "api-refactor off"),
]


@pytest.mark.parametrize(("text", "names"), WANTED)
def test_what_a_filter_finds(text: str, names: str) -> None:
    query = parse(text)
    assert query.text == text
    found = {row.workspace.name for row in FLEET.rows if query.matches(row, FLEET, NOW)}
    assert found == set(names.split())
    assert parse(str(query)) == query


WRONG = [
    ("foo:bar", 1, "owner:"),
    ("api foo:bar", 5, "owner:"),
    ("state:", 7, "a value after state:"),
    ("state: asks", 7, "a value after state:"),
    ("is:tired", 4, "one of acked, due"),
    ("age>soon", 5, "a time like"),
    ("age>", 5, "a time like"),
    ("age>10", 5, "a time like"),
    ("size>10m", 1, '"age" before >'),
    ("(api", 5, "closing parenthesis"),
    ("api)", 4, "opening parenthesis"),
    ("()", 2, "a word"),
    ("api |", 6, "a word"),
    ("| api", 1, "a word"),
    ("!", 2, "a word"),
    ('"api', 5, "closing quote"),
    ("/api", 5, "a / that ends"),
    ("api /a[/", 7, "a regular expression"),
    ("/a**/", 4, "a regular expression"),
    ("/(a+)+b/", 6, "no repeat of a group"),
    ("/(a|aa)*b/", 8, "no repeat of a group"),
    ("/((a?)b){9}/", 9, "no repeat of a group"),
    ("/.*.*.*.*b/", 1, "at most 3 repeats"),
    ("/a?a?a?a?aaaa/", 1, "at most 3 repeats and 3 options"),
    ("/" + "a" * 201 + "/", 202, "at most 200 characters"),
    ("/a{99999999999999999999}/", 1, "a regular expression"),
    ("/(?L)a/", 5, "a regular expression"),
    ("a" * (LENGTH + 1), LENGTH + 1, "at most 1000"),
    ("(" * 30 + "a", 21, "at most 20"),
]


@pytest.mark.parametrize(("text", "column", "expected"), WRONG)
def test_a_bad_filter_names_the_place_and_what_was_expected(text: str, column: int, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert isinstance(caught.value, FilterError)
    assert expected in caught.value.expected
    assert caught.value.column == column
    assert f"column {column}" in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "text", ["/(ab)+/", "/[(+*|)]+x/", r"/\(a+\)+/", "/colou?r.*error/", "/(a|b)/", "/x{2,3}/", "/[]a]+/"]
)
def test_honest_regular_expressions_are_taken(text: str) -> None:
    assert str(parse(text)) == text


def test_a_query_of_an_unknown_owner_is_not_me() -> None:
    store = Store(QUIET, DUE)
    rows = store.apply(FleetListed("acme", (workspace(owner=""),), NOW))
    assert not parse("owner:me").matches(rows.rows[0], rows, NOW)


_letters = st.text('abAB /!|()":<>*?\\+[]{}^$. \n\tß\u0130ſ1', max_size=30)
_words = st.one_of(
    st.text(min_size=1, max_size=8),
    st.sampled_from(["api", "owner:me", "age>10m", "is:due", "/a.b/", "(", ")", "|", "!", '"x y"', "state:a*"]),
)
_made = st.lists(_words, max_size=8).map(" ".join)
_named = st.builds(
    "{}:{}".format, st.sampled_from([*VALUES, "is"]), st.sampled_from([*FLAGS, '"a b"', "x*", '"\\"|"', "me", '""'])
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), _letters, _made, _named, _letters.map(lambda text: f"/{text}/")))
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    query = _parsed(text)
    if query is None:
        return
    assert parse(str(query)) == query
    assert str(parse(str(query))) == str(query)
    for row in FLEET.rows:
        found = query.matches(row, FLEET, NOW)
        assert not text.strip() or parse(f"!({text})").matches(row, FLEET, NOW) is not found


def _parsed(text: str) -> Query | None:
    try:
        return parse(text)
    except FilterError as error:
        if not 1 <= error.column <= len(text) + 1:
            pytest.fail(f"column {error.column} is not in the text")
        return None


@pytest.mark.timeout(30)
def test_the_slowest_pattern_allowed_ends() -> None:
    store = Store(QUIET, DUE)
    long = workspace(agent(app(said("working", message="a" * 2000))))
    found = store.apply(FleetListed("acme", (long,), NOW))
    assert not parse("/a*a*a*b/").matches(found.rows[0], found, NOW)
