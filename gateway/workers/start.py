"""Starts a worker's process and makes the sockets between it and the parent.

Rule: a fresh interpreter each time, never a fork of a process with threads and keys; nothing but
numbers in its arguments, nothing of Lockgate's in its environment.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gateway
from gateway.settings import ENV_PREFIX


@dataclass(slots=True)
class Started:
    """A process that has just been started, with the parent's ends of its sockets.

    `far` is a copy of the worker's own end of `passing`: when the worker has died, what it had
    not yet taken is read from there.
    """

    process: asyncio.subprocess.Process
    channel: socket.socket
    passing: socket.socket
    far: socket.socket


async def start_process(listener: socket.socket, board: int) -> Started:
    """Start a worker on a listening socket.

    Raises:
        OSError: the system has no process or descriptor left.
    """
    channel, worker_channel = socket.socketpair()
    passing, far = socket.socketpair(type=socket.SOCK_DGRAM)
    for end in (channel, passing, far):
        end.setblocking(False)
    descriptors = [worker_channel.fileno(), far.fileno(), listener.fileno(), board]
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the working directory is no place to load programs from
            *("-m", "gateway.workers", *map(str, descriptors)),
            stdin=asyncio.subprocess.DEVNULL,
            env=build_environ(os.environ),
            pass_fds=descriptors,
            start_new_session=True,  # Ctrl-C of the terminal is the parent's
        )
    except BaseException:
        for end in (channel, passing, far):
            end.close()
        raise
    finally:
        worker_channel.close()
    return Started(process, channel, passing, far)


def build_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a worker's environment: the parent's without settings, with the way to our code."""
    kept = {name: value for name, value in environ.items() if not name.startswith(ENV_PREFIX)}
    ours = str(Path(gateway.__file__).parents[1])
    known = kept.get("PYTHONPATH", "").split(os.pathsep) if "PYTHONPATH" in kept else []
    kept["PYTHONPATH"] = os.pathsep.join([*known, ours])
    return kept
