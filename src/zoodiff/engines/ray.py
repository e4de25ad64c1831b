"""The engine ``ray``: slots are processes of a Ray cluster, on as many machines as it has.

Each slot is an actor that reserves one processor and holds one slot thread. An exclusive job runs
in an actor that reserves all processors of its node, after the other actors of the node have ended.
Ray never restarts an actor: a lost one is reported, and a new one starts on any node that has a
free processor.
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
"""How long to wait for the cluster's first processor."""
_OTHER_SLOTS_SECONDS = 10.0
_CLOSE_SECONDS = 15.0
_OBJECTS = 256 * 1024**2
"""Size of a local cluster's object store in bytes; records and partial results are small."""


class RemoteSlot:
    """A process in the cluster with one slot thread."""

    def __init__(
        self, work: Work, limits: Limits | None, variables: Mapping[str, str], folder: str
    ) -> None:
        os.environ.update(variables)
        # Ray lowers the priority of its processes, which would affect timings. Without permission,
        # the priority stays.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        if Path(folder).is_dir():
            os.chdir(folder)  # paths of checkpoints are relative to it
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._thread = SlotThread(work, limits, self._messages.put)

    def where(self) -> tuple[str, str]:
        """Return the id of the node and the version of zoodiff that is installed there."""
        import ray

        return ray.get_runtime_context().get_node_id(), __version__

    def do(self, job: Job, keep: frozenset[Affinity]) -> Iterator[Message]:
        """Run a job; yield its messages, the last of which is ``End``."""
        self._thread.start(job, keep)
        while True:
            message = self._messages.get()
            if isinstance(message, End):
                yield End(message.data, _portable(message.error))
                return
            yield message

    def close(self) -> None:
        """End the workers and the thread."""
        self._thread.close()


def _portable(error: BaseException | None) -> BaseException | None:
    """Return an error that another process can unpickle; others become a RuntimeError."""
    if error is None or isinstance(error, ZoodiffError):
        return error
    lines = traceback.format_exception(error)
    return RuntimeError(f"{type(error).__name__}: {error}\n{''.join(lines)}")


@dataclass
class _Actor:
    handle: Any
    whole_node: bool
    stream: Any = None
    """Messages of its running job; None if it is idle."""


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
        """Join the cluster at an address, or start one on this machine, which ``close`` ends.

        Raises MissingFrameworkError without Ray, UsageError if no cluster answers, and
        MeasurementError if the cluster has no free processor.
        """
        self._ray = _import_ray()
        self._arguments = (
            work,
            limits,
            {key: value for key, value in os.environ.items() if key.startswith("ZOODIFF_")},
            str(Path.cwd()),
        )
        self._actors: dict[Slot, _Actor | None] = {}
        """Actors by slot; None for a slot whose actor is started with its next job."""
        self._starting: dict[Any, Any] = {}
        """Handles of actors that are being started, by the pending reply of ``where``."""
        self._count = 0
        self._owns_cluster = not self._ray.is_initialized()
        if self._owns_cluster:
            self._join(address, jobs)
        count = jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._remote = self._ray.remote(RemoteSlot)
        try:
            for _ in range(count):
                self._request_slot()
            self._wait_for_slots(count)
        except BaseException:
            self.close()
            raise

    def slots(self) -> Sequence[Slot]:
        """Return the slots that have started so far; wait for the first if there is none."""
        self._add_started(0)
        if not self._actors:
            self._wait_for_slots(1)
        return list(self._actors)

    def start(self, slot: Slot, job: Job, keep: Collection[Affinity]) -> None:
        """Start a job; an exclusive one reserves all processors of the slot's node."""
        actor = self._actors[slot]
        if actor is None or actor.whole_node != job.alone:
            for neighbour in [each for each in self._actors if each.node == slot.node]:
                running = self._actors[neighbour]
                if running is not None and (job.alone or running.whole_node):
                    self._end(running)
                    self._actors[neighbour] = None
            actor = self._actors[slot] = _Actor(self._start_on(slot, job.alone), job.alone)
        actor.stream = actor.handle.do.options(num_returns="streaming").remote(job, frozenset(keep))

    def wait(self, seconds: float) -> list[tuple[Slot, Message]]:
        """Return the messages since the last call; a slot that does not answer is lost."""
        streams = {
            actor.stream: slot
            for slot, actor in self._actors.items()
            if actor is not None and actor.stream is not None
        }
        pending = [*streams, *self._starting]
        ready, _ = self._ray.wait(pending, num_returns=1, timeout=seconds)
        if ready:  # collect all others that are ready, too
            ready, _ = self._ray.wait(pending, num_returns=len(pending), timeout=0)
        messages: list[tuple[Slot, Message]] = []
        for stream in ready:
            if stream in streams:
                message = self._next_message(streams[stream], stream)
                if message is not None:
                    messages.append((streams[stream], message))
        self._add_started(0)
        return messages

    def close(self) -> None:
        """End all actors, and the cluster if this engine started it."""
        actors = [actor for actor in self._actors.values() if actor is not None]
        handles = [*(actor.handle for actor in actors), *self._starting.values()]
        self._actors, self._starting = {}, {}
        ends = [handle.close.remote() for handle in handles]
        if ends:
            self._ray.wait(ends, num_returns=len(ends), timeout=_CLOSE_SECONDS)
        for handle in handles:
            self._ray.kill(handle)
        if self._owns_cluster:
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
            failure = f"no Ray cluster answers at {address}" if address else "Ray does not start"
            reason = " ".join(str(error).split())[:200]
            raise UsageError(f"{failure} ({reason}); see ray status") from None

    def _request_slot(self) -> None:
        """Ask the cluster for one more processor, on any node."""
        handle = self._remote.options(
            num_cpus=1, max_restarts=0, max_concurrency=2, scheduling_strategy="SPREAD"
        ).remote(*self._arguments)
        self._starting[handle.where.remote()] = handle

    def _start_on(self, slot: Slot, whole: bool) -> Any:
        """Start an actor on a slot's node, with one processor or with all; return its handle."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node = next((n for n in self._ray.nodes() if n["NodeID"] == slot.node), None)
        processors = node["Resources"].get("CPU", 1) if node and whole else 1
        return self._remote.options(
            num_cpus=processors,
            max_restarts=0,
            max_concurrency=2,
            scheduling_strategy=NodeAffinitySchedulingStrategy(slot.node, soft=False),
        ).remote(*self._arguments)

    def _add_started(self, seconds: float) -> None:
        """Add the actors that have started meanwhile as slots, after up to ``seconds``.

        Raises MeasurementError if zoodiff cannot run there, or has another version.
        """
        if not self._starting:
            return
        ready, _ = self._ray.wait(
            list(self._starting), num_returns=len(self._starting), timeout=seconds
        )
        for answer in ready:
            handle = self._starting.pop(answer)
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
                running is not None and running.whole_node
                for slot, running in self._actors.items()
                if slot.node == node
            )
            if taken:  # an exclusive job there would wait forever for this actor's processor
                self._end(actor)
            self._actors[Slot(self._count, node)] = None if taken else actor
            self._count += 1

    def _wait_for_slots(self, count: int) -> None:
        """Wait for ``count`` slots: long for the first, a shorter time for the others.

        Raises MeasurementError if none starts.
        """
        last = time.monotonic() + _FIRST_SLOT_SECONDS
        while len(self._actors) < count and time.monotonic() < last:
            before = len(self._actors)
            self._add_started(0)
            if len(self._actors) > before == 0:
                last = time.monotonic() + _OTHER_SLOTS_SECONDS
            time.sleep(0.05)
        if not self._actors:
            raise MeasurementError(
                f"the Ray cluster gave no processor within {_FIRST_SLOT_SECONDS:.0f} s; see ray "
                "status"
            )

    def _next_message(self, slot: Slot, stream: Any) -> Message | None:
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
            self._request_slot()
            return Lost(" ".join(str(error).split())[:200])
        if isinstance(message, End):
            actor.stream = None
        return message

    def _end(self, actor: _Actor) -> None:
        """End an actor after its workers, so that their scratch folders are removed."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.get(actor.handle.close.remote(), timeout=_CLOSE_SECONDS)
        self._ray.kill(actor.handle)


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
    except ImportError:
        raise MissingFrameworkError(
            'the engine ray needs Ray; install it with: pip install "zoodiff[ray]"'
        ) from None
    return ray
