"""Ctrl-C, a kill, a full disk: the source is untouched and nothing stands under the final name."""
import os
import random
import resource
import signal
import subprocess
import time

import files
from harness import Failure, case, is_temporary, wait_for

GIB = 1 << 30
# More zeros than anybody compresses or restores before the signal comes.
ENDLESS = 64 * GIB
KILLS = 40


def temporary_of(test, target):
    return next((name for name in test.names() if is_temporary(name, target)), None)


def stop_in_the_middle(test, process, target):
    """Stops `process` while its temporary file stands there. False: it was too fast."""
    wait_for(lambda: temporary_of(test, target) or process.poll() is not None, "a temporary file")
    process.send_signal(signal.SIGSTOP)
    return process.poll() is None and temporary_of(test, target) is not None and target not in test.names()


def started_and_stopped(test, arguments, target, **options):
    for _ in range(20):
        process = test.start(*arguments, **options)
        if stop_in_the_middle(test, process, target):
            return process
        process.kill()
        process.communicate()
        for name in test.names():
            if name == target or is_temporary(name, target):
                test.path(name).unlink()
    raise Failure(f"{arguments}: 20 times over before it could be stopped")


def interrupted(test, arguments, target, number):
    """Sends the signal in the middle of the job and returns what the process said."""
    process = started_and_stopped(test, arguments, target)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    result = test.finish(process)
    what = f"{arguments} after {number.name}"
    test.equal(result.code, 130, f"{what}: exit code")
    test.check(target not in test.names(), f"{what}: a file stands under the final name")
    test.equal(temporary_of(test, target), None, f"{what}: temporary file")
    test.equal(result.out, b"", f"{what}: stdout")


def big_container(test):
    """A container that takes long to restore."""
    test.sparse("zeros", GIB)
    test.plait("compress", "--no-verify", "zeros", "-o", "big.plait")
    test.path("zeros").unlink()
    return "big.plait"


@case
def signals_end_compress(test):
    test.sparse("x", ENDLESS)
    for number, threads in ((signal.SIGINT, "-T1"), (signal.SIGINT, "-T2"), (signal.SIGTERM, "-T2"),
                            (signal.SIGHUP, "-T2")):
        interrupted(test, ["compress", threads, "x"], "x.plait", number)
    interrupted(test, ["compress", "--rm", "x"], "x.plait", signal.SIGINT)
    test.equal(test.names(), ["x"], "files")
    test.equal(test.path("x").stat().st_size, ENDLESS, "bytes of the source")


@case
def signals_end_decompress(test):
    container = big_container(test)
    coded = test.read(container)
    for number, threads in ((signal.SIGINT, "-T1"), (signal.SIGTERM, "-T2")):
        interrupted(test, ["decompress", threads, container], "big", number)
    interrupted(test, ["decompress", "--rm", container], "big", signal.SIGINT)
    test.equal(test.names(), [container], "files")
    test.check(test.read(container) == coded, "source: other bytes")


@case
def a_target_overwritten_stays_until_the_end(test):
    test.sparse("x", ENDLESS)
    test.write("x.plait", b"precious")
    process = test.start("compress", "-f", "x")
    wait_for(lambda: temporary_of(test, "x.plait"), "a temporary file")
    process.send_signal(signal.SIGINT)
    test.equal(test.finish(process).code, 130, "exit code")
    test.equal(test.read("x.plait"), b"precious", "target")
    test.equal(test.names(), ["x", "x.plait"], "files")


@case
def signals_end_what_writes_no_file(test):
    container = big_container(test)
    for arguments in (["decompress", "-c", container], ["cat", container, "__plait__.file"]):
        process = test.start(*arguments)
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        test.equal(test.finish(process).code, 130, f"{arguments}: exit code")
    test.equal(test.names(), [container], "files")


@case
def signal_when_the_result_is_there(test):
    """Behind the rename a signal comes too late: success, or an exit code of 130 and no result, nothing between."""
    test.write("x.safetensors", files.small())
    target = test.path("x.plait.safetensors")
    for number in range(10):
        target.unlink(missing_ok=True)
        process = test.start("compress", "--rm", "x.safetensors")
        while process.poll() is None and not target.exists():
            pass
        process.send_signal(signal.SIGINT)
        found = test.finish(process).code, target.exists(), test.path("x.safetensors").exists()
        test.check(found in ((0, True, False), (130, False, True)),
                   f"exit code, target exists, source exists: found {found}, expected (0, True, False)")
        test.write("x.safetensors", files.small())


@case
def files_done_before_the_signal_stay(test):
    test.write("first", files.lines())
    test.sparse("second", ENDLESS)
    process = started_and_stopped(test, ["compress", "-f", "first", "second"], "second.plait")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    test.equal(test.finish(process).code, 130, "exit code")
    test.equal(test.names(), ["first", "first.plait", "second"], "files")
    test.plait("verify", "--against", "first", "first.plait")


@case
def a_hangup_that_nohup_ignores(test):
    """A signal that the caller has set to be ignored stays ignored, as nohup relies on."""
    test.write("x.safetensors", files.large())
    process = started_and_stopped(test, ["compress", "-T1", "x.safetensors"], "x.plait.safetensors",
                                  preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGCONT)
    test.equal(test.finish(process).code, 0, "exit code")
    test.plait("verify", "--against", "x.safetensors", "x.plait.safetensors")


@case
def a_target_that_appears_meanwhile(test):
    test.write("x.safetensors", files.large())
    process = started_and_stopped(test, ["compress", "-T1", "--rm", "x.safetensors"], "x.plait.safetensors")
    test.write("x.plait.safetensors", b"precious")
    process.send_signal(signal.SIGCONT)
    test.equal(test.finish(process).code, 1, "exit code")
    test.equal(test.read("x.plait.safetensors"), b"precious", "target")
    test.equal(test.names(), ["x.plait.safetensors", "x.safetensors"], "files")
    test.check(test.read("x.safetensors") == files.large(), "source: other bytes")


@case
def a_source_that_shrinks_meanwhile(test):
    test.sparse("x", ENDLESS)
    process = started_and_stopped(test, ["compress", "--rm", "x"], "x.plait")
    os.truncate(test.path("x"), 1000)
    process.send_signal(signal.SIGCONT)
    result = test.finish(process)
    test.check(result.code in (1, 3), f"exit code: found {result.code}, expected 1 or 3")
    test.match(result.first_error, "plait: x: contents: block .*", "first line of stderr")
    test.equal(test.names(), ["x"], "files")


def kill_at_random(test, arguments, source, target, expected):
    """Kills the job KILLS times somewhere between its start and its end."""
    data = test.read(source)
    begin = time.monotonic()
    test.plait(*arguments)
    seconds = time.monotonic() - begin
    test.check(test.read(target) == expected, f"{target}: other bytes")
    source_of_chance = random.Random(KILLS)
    outcomes = {"absent": 0, "complete": 0}
    for number in range(KILLS):
        test.path(target).unlink(missing_ok=True)
        process = test.start(*arguments)
        time.sleep(seconds * 1.2 * (number + source_of_chance.random()) / KILLS)
        process.kill()
        process.communicate()
        test.check(test.read(source) == data, f"kill {number}: source: other bytes")
        if test.path(target).exists():
            test.check(test.read(target) == expected, f"kill {number}: {target}: incomplete")
            outcomes["complete"] += 1
        else:
            outcomes["absent"] += 1
        strange = [name for name in test.names() if name not in (source, target) and not is_temporary(name, target)]
        test.equal(strange, [], f"kill {number}: files")
    test.check(outcomes["absent"] > 0, f"no kill came before the end: {outcomes}")
    # What is left behind is in nobody's way.
    test.path(target).unlink(missing_ok=True)
    test.plait(*arguments)
    test.check(test.read(target) == expected, f"{target} after the kills: other bytes")


@case
def kill_9_during_compress(test):
    container = test.compress("x.safetensors", files.large())
    expected = test.read(container)
    test.path(container).unlink()
    kill_at_random(test, ["compress", "x.safetensors"], "x.safetensors", container, expected)


@case
def kill_9_during_decompress(test):
    container = test.compress("x.safetensors", files.large())
    test.path("x.safetensors").unlink()
    kill_at_random(test, ["decompress", container], container, "x.safetensors", files.large())


@case
def file_size_limit(test):
    """ulimit -f: an error like any other, not a death by SIGXFSZ."""
    test.write("x.safetensors", files.model())
    test.plait("compress", "x.safetensors", "-o", "c.plait")
    test.write("noise", files.noise(3_000_000))
    before = test.names()
    # Below the header, in the middle, just below the end of the file.
    size = test.path("c.plait").stat().st_size
    for limit, arguments in ((100, ["compress", "--rm", "x.safetensors", "-o", "y"]),
                             (size // 2, ["compress", "--rm", "x.safetensors", "-o", "y"]),
                             (size - 1, ["compress", "-T1", "x.safetensors", "-o", "y"]),
                             (1_000_000, ["compress", "--rm", "noise"]),
                             (1_000_000, ["decompress", "--rm", "c.plait"]),
                             (1_000_000, ["decompress", "-f", "c.plait", "-o", "noise"])):
        result = test.plait(*arguments, code=1, preexec_fn=lambda limit=limit: resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, limit)))
        test.match(result.first_error, f"plait: {arguments[2]}: .*File too large.*",
                   f"{arguments} with a limit of {limit}: stderr")
        test.equal(test.names(), before, f"{arguments} with a limit of {limit}: files")
    test.check(test.read("noise") == files.noise(3_000_000), "target of -f: other bytes")
    test.check(test.read("x.safetensors") == files.model(), "source: other bytes")


@case
def full_disk(test):
    """ENOSPC, on a file system of 512 KiB of our own."""
    test.write("x.safetensors", files.model())
    test.plait("compress", "x.safetensors", "-o", "c.plait")
    test.path("disk").mkdir()
    before = test.names()
    script = ('mount -t tmpfs -o size=512k none disk || exit 99; "$@"; code=$?; '
              'ls -A disk; exit $code')
    for arguments, source in ((["compress", "--rm", "x.safetensors", "-o", "disk/y"], "x.safetensors"),
                              (["compress", "-T1", "x.safetensors", "-o", "disk/y"], "x.safetensors"),
                              (["decompress", "--rm", "c.plait", "-o", "disk/y"], "c.plait")):
        try:
            done = subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", test.binary, *arguments],
                                  cwd=test.dir, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        except FileNotFoundError:
            test.skip("no unshare")
        if done.returncode == 99 or b"unshare" in done.stderr:
            test.skip(f"no mount of our own: {done.stderr.decode().strip()}")
        test.equal(done.returncode, 1, f"{arguments}: exit code")
        test.match(done.stderr.decode(), f"plait: {source}: .*No space left on device.*\n", f"{arguments}: stderr")
        test.equal(done.stdout, b"", f"{arguments}: files on the full disk")
        test.equal(test.names(), before, f"{arguments}: files")
    test.check(test.read("x.safetensors") == files.model(), "source: other bytes")
