"""`streamrank dead-letters replay`."""

import asyncio
import sys
import time

from app.deadletters.job import Job
from app.deadletters.options import ReplayOptions
from app.deadletters.stop import Stop
from app.errors import ProducerFenced, PublishFailed, StreamRankError
from app.kafka.denied import DENIED
from app.kafka.security import Security
from app.kafka.visit import UNREACHABLE, VisitFailed
from app.stderr import ended, say
from config.settings import KafkaSettings

NOT_ALL = 1
SAME_TOPIC = 2

# More than these on a terminal, and we ask.
_UNASKED = 100
# For the step under way when a signal comes, and for letting go.
_FINISH_SECONDS = 10.0


def replay(options: ReplayOptions, kafka: KafkaSettings, security: Security) -> int:
    """Write the letters that match back, or say what would be written; returns the exit status."""
    job = Job(options, kafka, security)
    if job.topic == kafka.dead_letter_topic:
        return ended(SAME_TOPIC, f"--to {job.topic}: this is where the letters come from")
    if options.dry_run:
        asyncio.run(job.rehearse(aloud=True))
        return _summarise(job, f"{_records(job.tally.written)} would be written to {job.topic}")
    if not options.yes and not _is_agreed(Job(options, kafka, security)):
        return ended(NOT_ALL, "nothing was written")
    return _carry_out(job, kafka)


def _is_agreed(job: Job) -> bool:
    """Whether whoever sits at the terminal, if anybody does, wants as many records as there are."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    asyncio.run(job.rehearse(aloud=False))
    if job.tally.written <= _UNASKED:
        return True
    sys.stderr.write(f"Write {_records(job.tally.written)} to {job.topic}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _carry_out(job: Job, kafka: KafkaSettings) -> int:
    stop, began = Stop(), time.monotonic()

    def summarise() -> int:
        seconds = time.monotonic() - began
        return _summarise(job, f"{_records(job.tally.written)} written to {job.topic} in {seconds:.1f} s")

    try:
        asyncio.run(_until_stopped(job, stop))
    except (ProducerFenced, PublishFailed, VisitFailed) as error:
        if job.tally.seen:
            summarise()
        raise _in_other_words(error, job, kafka) from error
    status = summarise()
    if stop.signal is not None:
        return ended(128 + stop.signal, f"stopped by {stop.signal.name}; the same command goes on from here")
    return status


async def _until_stopped(job: Job, stop: Stop) -> None:
    with stop.listening():
        work = asyncio.create_task(job.carry_out(stop))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([work], timeout=_FINISH_SECONDS)
        stopped.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait([work], timeout=_FINISH_SECONDS)
        if not work.cancelled():
            work.result()


def _in_other_words(error: StreamRankError, job: Job, kafka: KafkaSettings) -> VisitFailed:
    match error:
        case ProducerFenced():
            return VisitFailed(f"another replay with the group {job.group} has begun, and goes on from here", NOT_ALL)
        case PublishFailed() if isinstance(error.__cause__, DENIED):
            rights = (
                f"Read on {kafka.dead_letter_topic} and on the group {job.group}, Write on {job.topic}, Write and "
                f"Describe on transactional ids that begin with {job.group}/"
            )
            return VisitFailed(f"the broker denies it ({error.__cause__}); a replay needs {rights}", UNREACHABLE)
        case VisitFailed():
            return error
    return VisitFailed(str(error), NOT_ALL)


def _summarise(job: Job, first: str) -> int:
    """Say what became of the letters; returns the exit status."""
    say(first)
    for line in job.tally.lines():
        say(line)
    if not job.tally.seen:
        say(f"nothing is left to replay: that is the progress of group {job.group}; --from-beginning sets it back")
    return NOT_ALL if job.tally.refused else 0


def _records(count: int) -> str:
    return f"{count:,} record" if count == 1 else f"{count:,} records"
