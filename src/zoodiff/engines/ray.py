"""The engine ``ray``: slots are processes of a Ray cluster, on as many machines as it has.

Each slot is an actor that reserves one processor and holds one slot thread, as ``local`` has
several of. A job that is to be alone is done by an actor that reserves every processor of its node,
after the node's other slots have ended. Actors are never restarted by Ray: a lost one is reported,
and another takes its place wherever there is room.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import time
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoodiff._version import __version__
from zoodiff.cores import count_usable_cores
from zoodiff.engines.base import Affinity, End, Job, Lost, Message, Slot, Work
from zoodiff.engines.slot import SlotThread
from zoodiff.errors import MeasurementError, MissingFrameworkError, UsageError, ZoodiffError
from zoodiff.workers.limits import Limits

_FIRST_SLOT_SECONDS = 120.0
"""How long a cluster may take to give the first processor."""
_OTHER_SLOTS_SECONDS = 10.0
_CLOSE_SECONDS = 15.0
_OBJECTS = 256 * 1024**2
"""Bytes of a local cluster's object store: records and parts are small."""


class RemoteSlot:
    """The process in the cluster: one slot thread."""

    def __init__(
        self, work: Work, limits: Limits | None, variables: Mapping[str, str], folder: str
    ) -> None:
        os.environ.update(variables)
        # Ray makes its processes polite, and they would be timed so; without the right to change
        # that, it stays.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        if Path(folder).is_dir():
            os.chdir(folder)  # checkpoints are named relative to it
        self._said: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._thread = SlotThread(work, limits, self._said.put)

    def where(self) -> tuple[str, str]:
        """The node's id and the version of zoodiff that is installed there."""
        import ray

        return ray.get_runtime_context().get_node_id(), __version__

    def do(self, job: Job, keep: frozenset[Affinity]) -> Iterator[Message]:
        """Run a job; yield its messages, the last of which is ``End``."""
        self._thread.start(job, keep)
        while True:
            message = self._said.get()
            if isinstance(message, End):
                yield End(message.data, _portable(message.error))
                return
            yield message

    def close(self) -> None:
        """End the workers and the thread."""
        self._thread.close()


def _portable(error: BaseException | None) -> BaseException | None:
    """An error that another process can read, whatever it holds."""
    if error is None or isinstance(error, ZoodiffError):
        return error
    lines = traceback.format_exception(error)
    return RuntimeError(f"{type(error).__name__}: {error}\n{''.join(lines)}")


@dataclass
class _Actor:
    handle: Any
    whole_node: bool
    stream: Any = None
    """The messages of the job that it does."""


class RayEngine:
    """Slots in a Ray cluster."""

    name = "ray"
    cores = 1

    def __init__(
        self,
        work: Work,
        *,
        jobs: int | None = None,
        address: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Join the cluster at an address, or start one on this machine for as long as this lives.

        Raises MissingFrameworkError without Ray, UsageError where no cluster answers,
        MeasurementError where it gives no processor.
        """
        self._ray = _library()
        self._arguments = (
            work,
            limits,
            {key: value for key, value in os.environ.items() if key.startswith("ZOODIFF_")},
            str(Path.cwd()),
        )
        self._actors: dict[Slot, _Actor | None] = {}
        """None for a slot whose actor is to be started when it is needed."""
        self._coming: dict[Any, Any] = {}
        """Handles of actors that are being started, by the answer to where they are."""
        self._count = 0
        self._own = not self._ray.is_initialized()
        if self._own:
            self._join(address, jobs)
        wanted = jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._remote = self._ray.remote(RemoteSlot)
        try:
            for _ in range(wanted):
                self._call_up()
            self._await(wanted)
        except BaseException:
            self.close()
            raise

    def slots(self) -> Sequence[Slot]:
        """The slots that the cluster has given so far."""
        self._arrive(0)
        if not self._actors:
            self._await(1)
        return list(self._actors)

    def start(self, slot: Slot, job: Job, keep: Collection[Affinity]) -> None:
        """Begin a job; one that is to be alone takes all processors of the slot's node."""
        actor = self._actors[slot]
        if actor is None or actor.whole_node != job.alone:
            for other in [one for one in self._actors if one.node == slot.node]:
                there = self._actors[other]
                if there is not None and (job.alone or there.whole_node):
                    self._end(there)
                    self._actors[other] = None
            actor = self._actors[slot] = _Actor(self._place(slot, job.alone), job.alone)
        actor.stream = actor.handle.do.options(num_returns="streaming").remote(job, frozenset(keep))

    def wait(self, seconds: float) -> list[tuple[Slot, Message]]:
        """Return the messages since the last call; a slot that does not answer is lost."""
        streams = {
            actor.stream: slot
            for slot, actor in self._actors.items()
            if actor is not None and actor.stream is not None
        }
        waited = [*streams, *self._coming]
        ready, _ = self._ray.wait(waited, num_returns=1, timeout=seconds)
        if ready:  # all others that are ready too
            ready, _ = self._ray.wait(waited, num_returns=len(waited), timeout=0)
        found: list[tuple[Slot, Message]] = []
        for one in ready:
            if one in streams:
                message = self._next(streams[one], one)
                if message is not None:
                    found.append((streams[one], message))
        self._arrive(0)
        return found

    def close(self) -> None:
        """End all actors, and the cluster if this engine started it."""
        actors = [one for one in self._actors.values() if one is not None]
        handles = [*(one.handle for one in actors), *self._coming.values()]
        self._actors, self._coming = {}, {}
        ends = [handle.close.remote() for handle in handles]
        if ends:
            self._ray.wait(ends, num_returns=len(ends), timeout=_CLOSE_SECONDS)
        for handle in handles:
            self._ray.kill(handle)
        if self._own:
            self._ray.shutdown()

    # Actors

    def _join(self, address: str | None, jobs: int | None) -> None:
        if address and address.startswith("ray://"):
            raise UsageError(
                f"{address} is Ray's client server; give the cluster's own address, host:port"
            )
        common = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            if address:
                self._ray.init(address=address, **common)
            else:
                self._ray.init(
                    address="local",
                    num_cpus=jobs or count_usable_cores(),
                    include_dashboard=False,
                    object_store_memory=_OBJECTS,
                    _node_ip_address="127.0.0.1",
                    **common,
                )
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            what = f"no Ray cluster answers at {address}" if address else "Ray does not start"
            reason = " ".join(str(error).split())[:200]
            raise UsageError(f"{what} ({reason}); see ray status") from None

    def _call_up(self) -> None:
        """Ask the cluster for one more processor, on any node."""
        handle = self._remote.options(
            num_cpus=1, max_restarts=0, max_concurrency=2, scheduling_strategy="SPREAD"
        ).remote(*self._arguments)
        self._coming[handle.where.remote()] = handle

    def _place(self, slot: Slot, whole: bool) -> Any:
        """An actor on a slot's node: on one of its processors, or on all."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node = next((n for n in self._ray.nodes() if n["NodeID"] == slot.node), None)
        processors = node["Resources"].get("CPU", 1) if node and whole else 1
        return self._remote.options(
            num_cpus=processors,
            max_restarts=0,
            max_concurrency=2,
            scheduling_strategy=NodeAffinitySchedulingStrategy(slot.node, soft=False),
        ).remote(*self._arguments)

    def _arrive(self, seconds: float) -> None:
        """Take in the actors that have been started meanwhile."""
        if not self._coming:
            return
        ready, _ = self._ray.wait(
            list(self._coming), num_returns=len(self._coming), timeout=seconds
        )
        for answer in ready:
            handle = self._coming.pop(answer)
            try:
                node, version = self._ray.get(answer)
            except self._ray.exceptions.RayActorError as error:
                reason = " ".join(str(error).split())[-300:]
                raise MeasurementError(
                    f"the Ray cluster cannot run zoodiff ({reason}); install the same zoodiff on "
                    "all its machines"
                ) from None
            if version != __version__:
                raise MeasurementError(
                    f"the Ray cluster has zoodiff {version}, this machine {__version__}; install "
                    "the same on all machines"
                )
            actor = _Actor(handle, whole_node=False)
            taken = any(
                one is not None and one.whole_node
                for slot, one in self._actors.items()
                if slot.node == node
            )
            if taken:  # whoever is to be alone there would wait forever for this one's processor
                self._end(actor)
            self._actors[Slot(self._count, node)] = None if taken else actor
            self._count += 1

    def _await(self, wanted: int) -> None:
        """Wait for the first slot, and a shorter time for the others."""
        last = time.monotonic() + _FIRST_SLOT_SECONDS
        while len(self._actors) < wanted and time.monotonic() < last:
            before = len(self._actors)
            self._arrive(0)
            if len(self._actors) > before == 0:
                last = time.monotonic() + _OTHER_SLOTS_SECONDS
            time.sleep(0.05)
        if not self._actors:
            raise MeasurementError(
                f"the Ray cluster gave no processor within {_FIRST_SLOT_SECONDS:.0f} s; see ray "
                "status"
            )

    def _next(self, slot: Slot, stream: Any) -> Message | None:
        errors = self._ray.exceptions
        actor = self._actors[slot]
        assert actor is not None
        try:
            message: Message = self._ray.get(next(stream))
        except StopIteration:
            actor.stream = None
            return None
        except errors.RayTaskError as error:  # a bug in the actor itself
            actor.stream = None
            return End({}, error)
        except errors.RayError as error:
            del self._actors[slot]
            with contextlib.suppress(errors.RayError):
                self._ray.kill(actor.handle)
            self._call_up()
            return Lost(" ".join(str(error).split())[:200])
        if isinstance(message, End):
            actor.stream = None
        return message

    def _end(self, actor: _Actor) -> None:
        """End an actor in good order, so that its workers' scratch folders go too."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.get(actor.handle.close.remote(), timeout=_CLOSE_SECONDS)
        self._ray.kill(actor.handle)


def _library() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
    except ImportError:
        raise MissingFrameworkError(
            'the engine ray needs Ray; install it with: pip install "zoodiff[ray]"'
        ) from None
    return ray
