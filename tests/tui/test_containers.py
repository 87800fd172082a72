"""The Containers page: what runs beside the agent, and a terminal into it."""

from __future__ import annotations

from tests.tui.closeup_kit import stage
from tests.tui.closeup_values import CONTAINERS

from coder_tui.tui.boxes import lines_of, published
from coder_tui.tui.layout import Page
from coder_tui.wire.containers import ContainerList, ContainerPort, Devcontainer


def test_lines_are_sorted_and_a_dev_container_is_not_listed_twice() -> None:
    lines = lines_of(CONTAINERS)
    assert [(one.kind, one.name, one.running) for one in lines] == [
        ("devcontainer", "api", True),
        ("container", "postgres", True),
        ("container", "redis", False),
    ]
    assert lines[0].container == "c3d4"
    assert lines[1].ports == "15432>5432"
    assert not lines[2].container
    failed = lines_of(ContainerList(devcontainers=[Devcontainer(name="x", status="error", error="no such image")]))
    assert (failed[0].status, failed[0].voice) == ("no such image", "failed")


def test_published_ports() -> None:
    ports = [
        ContainerPort(port=80, host_port=8080, host_ip="0.0.0.0"),
        ContainerPort(port=80, host_port=8080, host_ip="::"),
        ContainerPort(port=9000),
    ]
    assert published(ports) == "8080>80 9000"


async def test_what_is_shown() -> None:
    async with stage(Page.CONTAINERS) as on:
        lines = (await on.shows("postgres")).splitlines()
        assert "dev container /home/kira/api" in lines[0]
        assert "postgres:17-alpine" in lines[1]
        assert "15432>5432" in lines[1]
        assert "Up 2 hours (healthy)" in lines[1]
        assert "Exited (0) 2 hours ago" in lines[2]
        assert "t enter it" in on.screen.footer.render_line(0).text


async def test_a_terminal_into_a_container() -> None:
    async with stage(Page.CONTAINERS) as on:
        await on.to("container/0a1b")
        await on.press("t")
        target = on.source.ptys[-1].target
        assert (target.container, target.agent_id, target.command) == ("0a1b", "agent-api", "")
        assert target.title == "kira/api-refactor postgres"
        assert on.screen.focused_pane() is on.screen.terminal
        await on.press("ctrl+right_square_bracket")
        await on.until(lambda: on.screen.focused_pane() is not on.screen.terminal)
        await on.press("7", "enter")
        assert len(on.source.ptys) == 1  # the same terminal again
        await on.press("ctrl+right_square_bracket")
        await on.until(lambda: on.screen.focused_pane() is not on.screen.terminal)
        await on.press("t")  # elsewhere t is the agent's own terminal
        assert on.source.ptys[-1].target.container == ""


async def test_no_terminal_into_what_does_not_run() -> None:
    async with stage(Page.CONTAINERS) as on:
        await on.to("container/9f9f")
        await on.press("t")
        assert "redis does not run: it is Exited (0) 2 hours ago." in on.toasts
        assert not on.source.ptys


async def test_no_engine_is_said_and_a_warning_beside_containers_too() -> None:
    async with stage(Page.CONTAINERS, known=False) as on:
        look = on.source.container_look
        look.tell(ContainerList(warnings=["no container engine found"]))
        text = await on.shows("No containers run beside kira/api-refactor main.")
        assert "no container engine found" in text
        assert "when Docker or Podman starts one" in text
        look.tell(ContainerList(containers=CONTAINERS.containers, warnings=["one engine does not answer"]))
        text = await on.shows("postgres")
        assert "one engine does not answer" in text.splitlines()[0]
        assert on.pane.key != "warning/one engine does not answer"
