"""A process that sends alerts and can be killed at any moment; run by test_delivery_under_fire.

It imports everything once, then forks a sender a line on stdin: what is killed is the fork.
"""

import asyncio
import os
import random
import signal
import sys
import time
import traceback
import warnings
from typing import Any, final

import msgspec
import structlog

from airpocket.alerts.outbox import Due, Outbox
from airpocket.live.address_guard import AddressGuard
from airpocket.live.channel import Delivery, Outgoing, Secret
from airpocket.live.clock import SystemClock
from airpocket.live.delivery import Deliverer
from airpocket.live.webhook import WebhookSink
from airpocket.store.state import State
from tests.live.outgoing import numbered
from tests.live.test_webhook import NEW


class Orders(msgspec.Struct):
    """What one sender does.

    ``bug`` plants a fault: ``"new_id"`` (each try its own), ``"ack_first"`` (noted before sent).
    ``die_at`` kills the sender by itself: ``"filed"``, ``"sending"``, ``"sent"``, ``"noted"``.
    """

    state: str
    port: int
    alerts: int
    channels: int
    seed: int = 0
    file: bool = False
    bug: str = ""
    die_at: str = ""


def names(orders: Orders) -> list[str]:
    return [f"hook{number}" for number in range(orders.channels)]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@final
class Mined:
    """A sink with a planted bug, or one that dies at a step."""

    def __init__(self, inner: WebhookSink, outbox: Outbox, orders: Orders) -> None:
        self.windows = inner.windows
        self._inner, self._outbox, self._orders = inner, outbox, orders

    async def send(self, due: Outgoing) -> Delivery:
        assert isinstance(due, Due)
        if self._orders.die_at == "sending":
            die()
        if self._orders.bug == "new_id":
            due = msgspec.structs.replace(due, message_id=f"{due.message_id}-{time.time_ns()}")
        if self._orders.bug == "ack_first":
            self._outbox.delivered(due, time.time_ns())
        delivery = await self._inner.send(due)
        if self._orders.die_at == "sent":
            die()
        return delivery

    async def close(self) -> None:
        await self._inner.close()


class Noting:
    """An outbox that dies once it has noted a delivery, if so ordered."""

    def __init__(self, outbox: Outbox, orders: Orders) -> None:
        self._outbox, self._orders = outbox, orders

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    def delivered(self, due: Due, at_ns: int) -> None:
        self._outbox.delivered(due, at_ns)
        if self._orders.die_at == "noted":
            die()


def file_all(state: State, outbox: Outbox, orders: Orders) -> None:
    channels = names(orders)
    with state.transaction():
        for number in range(orders.alerts):
            channel = channels[number % len(channels)]
            outbox.file(numbered(number), [channel], at_ns=time.time_ns())


async def send_all(outbox: Outbox, orders: Orders) -> None:
    guard = AddressGuard(allow_private=True)
    sinks = {
        name: Mined(
            WebhookSink(
                Secret(f"http://127.0.0.1:{orders.port}/{name}"), (Secret(NEW),),
                clock=SystemClock(), guard=guard, timeout_s=0.25,
            ),
            outbox,
            orders,
        )
        for name in names(orders)
    }  # fmt: skip
    deliverer = Deliverer(
        Noting(outbox, orders), sinks, clock=SystemClock(), rng=random.Random(orders.seed),
        schedule_s=(0.01, 0.02, 0.05),
    )  # fmt: skip
    running = asyncio.create_task(deliverer.run())
    while await asyncio.to_thread(outbox.pending):  # noqa: ASYNC110 - it is the disk that is asked
        await asyncio.sleep(0.3)
    await deliverer.stop()
    await running


def sender(orders: Orders) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with State(orders.state) as state:
        outbox = Outbox(state)
        if orders.file:
            file_all(state, outbox, orders)
            if orders.die_at == "filed":
                die()
        asyncio.run(send_all(outbox, orders))


def main() -> None:
    """Fork a sender for each line of orders; say its process id, then how it ended."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        orders = msgspec.json.decode(line, type=Orders)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                sender(orders)
                status = 0
            except BaseException:  # noqa: BLE001 - said, then it ends
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"ended {status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
