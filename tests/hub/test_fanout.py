"""Who keeps up is written to, who does not sees for itself, and nobody gets an older state after a newer one."""

from __future__ import annotations

import asyncio

from coder_tui.hub.events import Topics
from coder_tui.hub.fanout import Fan
from tests.client.support import until


class Peer:
    """A socket that can be stuffed, and the state that is loaded."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.stuffed = False

    def push(self, frame: bytes) -> bool:
        if self.stuffed:
            return False
        self.got.append(frame)
        return True


class Source:
    """What a change loads."""

    def __init__(self) -> None:
        self.state, self.broken = 0, False

    async def load(self) -> bytes:
        await asyncio.sleep(0)
        if self.broken:
            raise OSError("no disk")
        return b"%d" % self.state


async def test_one_load_for_all_and_a_slow_one_sees_for_itself() -> None:
    topics, source, peers = Topics(), Source(), [Peer() for _ in range(250)]
    fan = Fan(topics)
    slow = peers[7]
    woken: list[int] = []

    async def watch(peer: Peer) -> None:
        with fan.watch("t", peer.push, source.load) as watcher:
            while not fan.closing:
                await watcher.left()
                if peer is slow:
                    woken.append(source.state)

    tasks = [asyncio.create_task(watch(peer)) for peer in peers]
    await asyncio.sleep(0)
    slow.stuffed = True
    for source.state in (1, 2):
        topics.publish("t")
        await until(lambda: all(peer.got[-1:] == [b"%d" % source.state] for peer in peers if peer is not slow))
    await until(lambda: woken)
    assert not slow.got
    slow.stuffed = False
    source.state = 3
    topics.publish("t")
    await until(lambda: slow.got == [b"3"])
    assert all(peer.got == [b"1", b"2", b"3"] for peer in peers if peer is not slow)
    source.broken = True
    before = len(woken)
    topics.publish("t")
    await until(lambda: len(woken) > before)  # each finds out why
    topics.close()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


async def test_a_change_while_a_watcher_sends_makes_it_look_again() -> None:
    topics, source, peer = Topics(), Source(), Peer()
    fan = Fan(topics)
    with fan.watch("t", peer.push, source.load) as watcher:
        await asyncio.sleep(0)
        watcher.tell(b"missed")  # it sends its first state still
        assert not peer.got
        await asyncio.wait_for(watcher.left(), 5)
        waiting = asyncio.create_task(watcher.left())
        await asyncio.sleep(0)
        watcher.tell(b"new")
        assert peer.got == [b"new"]
        watcher.tell(None)
        await asyncio.wait_for(waiting, 5)


async def test_the_last_one_ends_the_task_and_the_next_begins_anew() -> None:
    topics, source, peer = Topics(), Source(), Peer()
    fan = Fan(topics)

    def running() -> bool:
        return any(task.get_name() == "fan:t" for task in asyncio.all_tasks())

    for _ in range(2):
        with fan.watch("t", peer.push, source.load) as watcher:
            waiting = asyncio.create_task(watcher.left())
            await asyncio.sleep(0)
            topics.publish("t")
            await until(lambda: peer.got)
            peer.got.clear()
            waiting.cancel()
        await until(lambda: not running())
