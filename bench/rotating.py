"""``python -m bench.rotating``: rotates a data directory's key, and may kill itself.

The steps are those that the runner names; nothing but an argument of this script turns a kill on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

from gateway.clock import SystemClock
from gateway.entities import Rotation
from gateway.installation import open_installation
from gateway.installation.rotation import Actor, RotationParts, rotate
from gateway.settings import Settings

LEASE_MS = 400  # of a runner that is killed again and again: the next one waits for its end
# Each step of `gateway.installation.rotation`, in order; the first five of a batch come per batch.
STEPS = (
    "lease-taken",
    "begin-written",
    "begun",
    "loaded",
    "activation-written",
    "activated",
    "batch-read",
    "batch-moved",
    "batch-begun",
    "batch-written",
    "batch-stored",
    "moved",
    "end-written",
    "ended",
)


def kill_at(name: str, time: int) -> Callable[[str], None]:
    """Return what kills this process when the step comes for the `time`-th time."""
    left = time

    def step(reached: str) -> None:
        nonlocal left
        if reached == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return step


async def run(data: Path, *, reencrypt: bool, step: Callable[[str], None]) -> Rotation:
    """Rotate, or finish what has begun."""
    clock = SystemClock()
    installation = await open_installation(Settings(data=data), clock, create=False)
    try:
        parts = RotationParts(
            store=installation.store,
            keys=installation.keys,
            clock=clock,
            actor=Actor(name="bench"),
            step=step,
            lease_ms=LEASE_MS,
        )
        return await rotate(parts, reencrypt=reencrypt)
    finally:
        await installation.close()


def main() -> None:
    """Parse the arguments and rotate."""
    parser = argparse.ArgumentParser(prog="python -m bench.rotating", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--at", choices=STEPS, help="kill this process at that step")
    parser.add_argument("--time", type=int, default=1, help="the how manieth time it comes")
    parser.add_argument("--reencrypt", action="store_true")
    arguments = parser.parse_args()
    step = kill_at(arguments.at or "", arguments.time)

    def tell(reached: str) -> None:
        if reached == "lease-taken":
            print("begun", flush=True)
        step(reached)

    asyncio.run(run(arguments.data, reencrypt=arguments.reencrypt, step=tell))
    print("ended", flush=True)


if __name__ == "__main__":
    main()
