from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.errors import ClientGoneError
from gateway.proxy.flow import Flow, Gate, in_task


class Story:
    """What happened, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def end(self) -> None:
        self.lines.append("end")

    def drop(self, result: str) -> None:
        self.lines.append(f"dropped {result}")

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> Flow:
        flow = Flow(coroutine, self.end)
        flow.step()
        return flow


@pytest.fixture
def story() -> Story:
    return Story()


async def through(story: Story, *gates: Gate) -> None:
    for number, gate in enumerate(gates):
        await gate
        story.lines.append(f"gate {number}")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


# --- gates ----------------------------------------------------------------------------------


def test_a_flow_goes_on_in_the_call_that_opens_the_gate(story: Story) -> None:
    first, second = Gate(), Gate()
    story.begin(through(story, first, second))
    assert story.lines == []
    first.open()
    assert story.lines == ["gate 0"]
    first.open()  # nobody waits there any more
    assert story.lines == ["gate 0"]
    second.open()
    assert story.lines == ["gate 0", "gate 1", "end"]


def test_a_flow_that_never_waits_has_ended_after_its_first_step(story: Story) -> None:
    story.begin(through(story))
    assert story.lines == ["end"]


def test_an_opening_that_nobody_waits_for_is_forgotten(story: Story) -> None:
    gate = Gate()
    gate.open()
    story.begin(through(story, gate))
    assert story.lines == []


def test_a_gate_opened_by_the_flow_that_waits_next_is_not_kept(story: Story) -> None:
    gate = Gate()

    async def run() -> None:
        gate.open()
        await gate
        story.lines.append("through")

    story.begin(run())
    assert story.lines == []
    gate.open()
    assert story.lines == ["through", "end"]


def test_a_flow_may_open_the_gate_of_another(story: Story) -> None:
    first, second = Gate(), Gate()

    async def wake() -> None:
        await first
        second.open()
        story.lines.append("waker")

    story.begin(wake())
    story.begin(through(story, second))
    first.open()
    assert story.lines == ["gate 0", "end", "waker", "end"]


def test_a_flow_may_begin_another_and_then_wait(story: Story) -> None:
    inner, outer = Gate(), Gate()

    async def run() -> None:
        story.begin(through(story, inner))
        await outer
        story.lines.append("outer")

    story.begin(run())
    outer.open()
    assert story.lines == ["outer", "end"]
    inner.open()
    assert story.lines == ["outer", "end", "gate 0", "end"]


async def test_a_task_may_wait_at_a_gate_too(story: Story) -> None:
    gate = Gate()
    task = asyncio.create_task(through(story, gate))
    await asyncio.sleep(0)
    gate.open()
    await task
    assert story.lines == ["gate 0"]


async def test_a_task_that_was_cancelled_at_a_gate_is_not_woken(story: Story) -> None:
    gate = Gate()
    task = asyncio.create_task(through(story, gate))
    await asyncio.sleep(0)
    task.cancel()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert story.lines == []


# --- futures and tasks ----------------------------------------------------------------------


async def test_a_flow_waits_for_a_future(story: Story) -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        story.lines.append(await future)

    story.begin(run())
    future.set_result("done")
    await until(lambda: "end" in story.lines)
    assert story.lines == ["done", "end"]


async def test_the_error_of_a_future_is_raised_where_the_flow_waits(story: Story) -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        with pytest.raises(ValueError, match="of the future"):
            await future

    story.begin(run())
    future.set_exception(ValueError("of the future"))
    await until(lambda: "end" in story.lines)


async def test_a_bare_yield_is_a_turn_of_the_loop(story: Story) -> None:
    async def run() -> None:
        await asyncio.sleep(0)
        story.lines.append("later")

    story.begin(run())
    assert story.lines == []
    await until(lambda: "end" in story.lines)
    assert story.lines == ["later", "end"]


async def test_in_task_runs_what_needs_a_task(story: Story) -> None:
    async def slow() -> str:
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
            return "result"

    async def run() -> None:
        story.lines.append(await in_task(slow(), story.drop))

    story.begin(run())
    await until(lambda: "end" in story.lines)
    assert story.lines == ["result", "end"]
    assert await in_task(slow(), story.drop) == "result"  # in a task there is no need for another


# --- stopping -------------------------------------------------------------------------------


def note_stop(story: Story, wait: Callable[[], Coroutine[Any, Any, None]]) -> Any:
    async def run() -> None:
        try:
            await wait()
        except ClientGoneError as error:
            story.lines.append(error.detail)

    return run()


def test_a_flow_is_stopped_at_a_gate_and_never_stepped_by_it_again(story: Story) -> None:
    gate = Gate()
    flow = story.begin(note_stop(story, lambda: through(story, gate)))
    flow.stop(ClientGoneError("gone"))
    assert story.lines == ["gone", "end"]
    gate.open()
    flow.stop(ClientGoneError("again"))
    flow.step()
    assert story.lines == ["gone", "end"]


async def test_a_flow_is_stopped_at_a_future(story: Story) -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait() -> None:
        await future

    flow = story.begin(note_stop(story, wait))
    flow.stop(ClientGoneError("gone"))
    assert story.lines == ["gone", "end"]
    assert future.cancelled()
    await asyncio.sleep(0)  # the future calls back
    assert story.lines == ["gone", "end"]


async def test_a_future_that_is_done_steps_no_flow_that_was_stopped(story: Story) -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    gate = Gate()

    async def run() -> None:
        try:
            await future
        except ClientGoneError:
            await through(story, gate)

    flow = story.begin(run())
    future.set_result("done")
    flow.stop(ClientGoneError("gone"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert story.lines == []  # it waits at the gate, whatever the future says
    gate.open()
    assert story.lines == ["gate 0", "end"]


async def test_a_task_of_a_flow_that_is_stopped_is_cancelled(story: Story) -> None:
    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            story.lines.append("task over")

    flow = story.begin(note_stop(story, lambda: in_task(slow(), print)))
    await asyncio.sleep(0)
    flow.stop(ClientGoneError("gone"))
    assert story.lines == ["gone", "end"]
    await until(lambda: "task over" in story.lines)


async def test_a_result_that_comes_as_its_flow_is_stopped_is_dropped(story: Story) -> None:
    loop = asyncio.get_running_loop()
    news: asyncio.Future[str] = loop.create_future()

    async def slow() -> str:
        return await news

    async def wait() -> None:
        await in_task(slow(), story.drop)

    flow = story.begin(note_stop(story, wait))
    await asyncio.sleep(0)
    news.set_result("result")  # the task ends in the next turn, and tells in the one after it
    loop.call_soon(flow.stop, ClientGoneError("gone"))
    await until(lambda: "end" in story.lines)
    await asyncio.sleep(0)
    assert story.lines == ["gone", "end", "dropped result"]


async def test_a_turn_that_was_waited_for_steps_no_flow_that_was_stopped(story: Story) -> None:
    async def run() -> None:
        try:
            await asyncio.sleep(0)
        except ClientGoneError:
            await through(story, Gate())

    flow = story.begin(run())
    flow.stop(ClientGoneError("gone"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert story.lines == []


def test_a_flow_that_is_stopped_while_it_runs_hears_of_it_at_its_next_wait(story: Story) -> None:
    gate, never = Gate(), Gate()
    flows: list[Flow] = []

    async def run() -> None:
        await gate
        flows[0].stop(ClientGoneError("gone"))
        story.lines.append("runs on")
        try:
            await never
        except ClientGoneError as error:
            story.lines.append(error.detail)

    flows.append(story.begin(run()))
    gate.open()
    assert story.lines == ["runs on", "gone", "end"]
    never.open()
    assert story.lines == ["runs on", "gone", "end"]


def test_a_flow_that_is_stopped_while_it_runs_may_end_in_peace(story: Story) -> None:
    gate = Gate()
    flows: list[Flow] = []

    async def run() -> None:
        await gate
        flows[0].stop(ClientGoneError("gone"))

    flows.append(story.begin(run()))
    gate.open()
    assert story.lines == ["end"]


def test_a_stopped_flow_may_wait_once_more_before_it_ends(story: Story) -> None:
    gate, last = Gate(), Gate()

    async def run() -> None:
        try:
            await gate
        finally:
            await last
            story.lines.append("cleaned up")

    flow = story.begin(run())
    flow.stop(ClientGoneError("gone"))
    assert story.lines == []
    last.open()
    assert story.lines == ["cleaned up", "end"]


# --- errors ---------------------------------------------------------------------------------


def test_an_error_that_gets_out_is_logged_and_the_end_is_told(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()

    async def run() -> None:
        await gate
        raise ValueError("of the flow")

    story.begin(run())
    gate.open()
    assert story.lines == ["end"]
    assert "of the flow" in caplog.text
    gate.open()
    assert story.lines == ["end"]


def test_a_gate_works_on_after_the_flow_at_it_failed(story: Story) -> None:
    gate = Gate()

    async def fail() -> None:
        await gate
        raise ValueError("of the flow")

    story.begin(fail())
    gate.open()
    story.begin(through(story, gate))
    gate.open()
    assert story.lines == ["end", "gate 0", "end"]
