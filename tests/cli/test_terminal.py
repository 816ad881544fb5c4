"""The progress bar, prompts, and descriptors that are no files."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import files
from harness import case, patient

ENDLESS = 64 << 30


class Terminal:
    """A pseudo-terminal for a child's stderr, stdout or stdin."""

    def __init__(self, columns=100):
        self.ours, self.child = pty.openpty()
        fcntl.ioctl(self.child, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))

    def read_for(self, seconds, until=lambda: False):
        """(time, bytes) of every piece that comes within `seconds`."""
        pieces, end = [], time.monotonic() + seconds
        while time.monotonic() < end and not until():
            if select.select([self.ours], [], [], 0.05)[0]:
                try:
                    pieces.append((time.monotonic(), os.read(self.ours, 65536)))
                except OSError:  # The child's side is closed.
                    break
        return pieces

    def close(self):
        os.close(self.ours)
        os.close(self.child)


def draw_times(pieces):
    """When a bar was drawn: each has one percentage with a bracket in front."""
    return [moment for moment, data in pieces for _ in re.findall(rb"\]\s+\d+ %", data)]


def bars_of(test, arguments, seconds):
    """Runs a job on a terminal for `seconds`, then interrupts it. Returns the times of the bars and all text."""
    terminal = Terminal()
    process = test.start(*arguments, stderr=terminal.child, stdout=subprocess.DEVNULL)
    pieces = terminal.read_for(seconds, lambda: process.poll() is not None)
    process.send_signal(signal.SIGINT)
    test.finish(process)
    pieces += terminal.read_for(0.2)
    terminal.close()
    return draw_times(pieces), b"".join(data for _, data in pieces).decode()


@case
@patient
def bar_of_compress(test):
    """At least 4 updates a second, with rate, ratio and time left."""
    test.sparse("x", ENDLESS)
    times, text = bars_of(test, ["compress", "-T1", "x"], 2)
    test.check(len(times) >= 5, f"bars in 2 s: found {len(times)}")
    rate = (len(times) - 1) / (times[-1] - times[0])
    test.check(rate >= 4, f"updates: found {rate:.1f} a second, expected at least 4")
    text = text.split("\r\x1b[Kplait: ")[0]  # what follows is the message of the interruption
    bar = text.split("\r")[-1]
    test.match(bar, r".*x \[[= ]*\]\s+\d+ %\s+[\d.]+ [kMGT]?B/s\s+ratio [\d.]+ %\s+ETA \d+:\d\d.*", "bar")
    test.check("\n" not in text, "a bar that scrolls")
    test.check(all(len(re.sub(r"\x1b\[K", "", bar)) < 100 for bar in text.split("\r")), "a bar wider than the terminal")


@case
@patient
def bar_of_decompress(test):
    """Also where the reader of stdout is what takes long."""
    test.sparse("zeros", 1 << 30)
    test.plait("compress", "--no-verify", "zeros", "-o", "z.plait")
    terminal = Terminal()
    process = test.start("decompress", "-c", "z.plait", stderr=terminal.child)
    end, pieces = time.monotonic() + 1.5, []
    while time.monotonic() < end:
        process.stdout.read(1 << 20)
        pieces += terminal.read_for(0.02)
    process.send_signal(signal.SIGINT)
    test.finish(process)
    terminal.close()
    times = draw_times(pieces)
    test.check(len(times) >= 5, f"bars in 1.5 s: found {len(times)}")


@case
def bar_is_wiped(test):
    """What remains on the terminal is the summary, and after a failure the message."""
    test.write("x.safetensors", files.large())
    for code, arguments in ((0, ["compress", "-T1", "x.safetensors"]), (1, ["compress", "x.safetensors"])):
        terminal = Terminal()
        process = test.start(*arguments, stderr=terminal.child, stdout=subprocess.DEVNULL)
        test.equal(test.finish(process).code, code, f"{arguments}: exit code")
        text = b"".join(data for _, data in terminal.read_for(0.3)).decode()
        terminal.close()
        # What a terminal shows: after the last return to the line's begin that wipes it.
        shown = re.split(r"\r\x1b\[K", text)[-1]
        test.match(shown, r"(plait: )?x\.safetensors: [^\r\n]*\r\n", f"{arguments}: terminal")


@case
@patient
def one_bar_for_the_whole_job(test):
    """Several files are one job: a bar that is nearly full says that little is left."""
    test.sparse("a", 1 << 29)
    test.sparse("b", ENDLESS)
    _, text = bars_of(test, ["compress", "--no-verify", "a", "b"], 2)
    percents = [int(percent) for percent in re.findall(r"\]\s+(\d+) %", text)]
    test.check(percents, "no bar")
    test.check(max(percents) < 50, f"a job of 64.5 GiB after 2 s: found {max(percents)} %")


@case
def no_bar_in_a_pipe(test):
    test.write("x.safetensors", files.large())
    result = test.plait("compress", "-T1", "x.safetensors", env={"TERM": "xterm"})
    test.match(result.err.decode(), r"x\.safetensors: [^\r\n\x1b]*\n", "stderr")
    test.equal(result.out, b"x.plait.safetensors\n", "stdout")
    test.equal(test.plait("verify", "x.plait.safetensors").err, b"", "stderr of verify")
    test.equal(test.plait("decompress", "-c", "x.plait.safetensors").err, b"", "stderr of decompress -c")
    # stdout on a terminal asks for nothing either.
    terminal = Terminal()
    process = test.start("compress", "-f", "-T1", "x.safetensors", stdout=terminal.child)
    result = test.finish(process)
    test.match(result.err.decode(), r"x\.safetensors: [^\r\n\x1b]*\n", "stderr with stdout on a terminal")
    test.equal(b"".join(data for _, data in terminal.read_for(0.2)), b"x.plait.safetensors\r\n", "terminal")
    terminal.close()


@case
def no_prompt(test):
    """An existing target is an error, not a question: nothing is read from stdin."""
    test.write("x.safetensors", files.small())
    test.write("x.plait.safetensors", b"precious")
    reading, writing = os.pipe()  # stays open, so that whoever reads from it waits
    try:
        process = test.start("compress", "x.safetensors", stdin=reading)
        test.equal(test.finish(process).code, 1, "exit code")
        os.write(writing, b"y\n")
        process = test.start("compress", "x.safetensors", stdin=reading)
        test.equal(test.finish(process).code, 1, "exit code")
        test.equal(os.read(reading, 10), b"y\n", "stdin")
    finally:
        os.close(reading)
        os.close(writing)
    test.equal(test.read("x.plait.safetensors"), b"precious", "target")


@case
def no_files_and_no_pipe(test):
    """With stdin on a terminal there is nothing to read: a mistake, and no waiting."""
    terminal = Terminal()
    for verb in ("compress", "decompress", "verify"):
        test.equal(test.finish(test.start(verb, stdin=terminal.child)).code, 2, f"{verb}: exit code")
    terminal.close()


@case
def last_line_is_the_path(test):
    test.write("x.safetensors", files.small())
    test.equal(test.plait("compress", "x.safetensors").last_line, "x.plait.safetensors", "last line of compress")
    test.equal(test.plait("list", "x.plait.safetensors").last_line, "x.plait.safetensors", "last line of list")
    test.equal(test.plait("verify", "x.plait.safetensors").last_line, "x.plait.safetensors", "last line of verify")
    path = test.path("x.plait.safetensors")
    test.equal(test.plait("decompress", "-f", str(path)).last_line, str(test.path("x.safetensors")),
               "last line of decompress")


@case
def closed_descriptors(test):
    """Without stdin, stdout and stderr their numbers go to files that are opened: nothing but data may get into them."""
    test.write("x.safetensors", files.model())
    for name, closing in (("1", "<&- >&- 2>&-"), ("2", ">&- 2>&-"), ("3", "<&- 2>&-"), ("4", "2>&-")):
        command = f'"$0" compress x.safetensors -o {name} {closing}; "$0" decompress {name} -o {name}.back {closing}; :'
        subprocess.run(["sh", "-c", command, test.binary], cwd=test.dir, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60, check=True)
        test.plait("verify", "--against", "x.safetensors", name)
        test.check(test.read(f"{name}.back") == files.model(), f"decompress with {closing}: other bytes")
    test.check(test.read("x.safetensors") == files.model(), "source: other bytes")


@case
def a_pipe_without_a_writer_is_waited_for_until_a_signal(test):
    os.mkfifo(test.path("pipe"))
    process = test.start("compress", "-c", "pipe")
    time.sleep(0.3)  # To get to open(); a signal that comes earlier ends it too, by default.
    process.send_signal(signal.SIGINT)
    test.check(test.finish(process).code in (130, -signal.SIGINT), "expected to end by the signal")


@case
def a_pipe_inside_a_directory_fails_alone(test):
    """Nothing waits for its writer, and the other files are done."""
    os.mkdir(test.path("d"))
    os.mkfifo(test.path("d/pipe.bin"))
    test.write("d/x.safetensors", files.small())
    result = test.plait("compress", "d", code=5)
    test.match(result.first_error, r"plait: d/pipe\.bin: found no regular file, expected one", "stderr")
    test.equal(test.names("d.plait"), ["x.plait.safetensors"], "results")


@case
def devices_that_never_end_are_no_plait_files(test):
    for verb in ("list", "verify", "decompress"):
        result = test.plait(verb, "/dev/zero", *(["-o", "y"] if verb == "decompress" else []), code=4)
        test.match(result.first_error, "plait: /dev/zero: not a Plait file: .*", "stderr")


@case
def a_terminal_is_neither_input_nor_output_of_coded_bytes(test):
    terminal = Terminal()
    test.write("x.safetensors", files.small())
    for arguments, options in ((["compress", "-"], {"stdin": terminal.child}),
                               (["compress", "-c", "x.safetensors"], {"stdout": terminal.child})):
        result = test.finish(test.start(*arguments, **options))
        test.equal(result.code, 2, f"{arguments}: exit code")
        test.match(result.first_error, "plait: std(in|out): found a terminal, expected .*", "stderr")
    terminal.close()


def on_terminal(test, columns, *arguments):
    """Lines that a terminal of that width shows of stdout."""
    terminal = Terminal(columns)
    test.equal(test.finish(test.start(*arguments, stdout=terminal.child, env={"LC_ALL": "C"})).code, 0, "exit code")
    text = b"".join(data for _, data in terminal.read_for(0.3)).decode()
    terminal.close()
    return text.replace("\r\n", "\n").splitlines()


def widest(lines):
    """In columns: two for each East Asian character."""
    return max(len(line) + sum(character > "\u1100" for character in line) for line in lines)


LONG_NAME = "model.language_model.layers.27.post_attention_layernorm.and_one_more_module.weight"


@case
def tables_fit_the_terminal(test):
    """Columns that others imply go first, then the middle of names; in a pipe everything stays."""
    tensors = [(LONG_NAME, "BF16", [128, 1024], files.bf16(1 << 17)), ("重みの" * 20, "F32", [16], files.noise(64))]
    container = test.compress("m.safetensors", files.safetensors(tensors))
    header = {80: "TENSOR +DTYPE +CODED +PERCENT +CODEC|TENSOR +DTYPE +SHAPE +CODED +PERCENT +CODEC",
              200: "TENSOR +DTYPE +SHAPE +ORIGINAL +CODED +PERCENT +BITS +CODEC"}
    for columns, pattern in header.items():
        lines = on_terminal(test, columns, "list", container)
        test.match(lines[0], pattern, f"header at {columns} columns")
        test.check(widest(lines) <= columns, f"table at {columns} columns: found {widest(lines)}")
    test.check(any(LONG_NAME in line for line in lines), "name at 200 columns: shortened")
    narrow = on_terminal(test, 80, "list", container)
    test.match(narrow[1], r"model\.lang\S*\.\.\.\S*\.weight .*", "name at 80 columns")
    piped = test.plait("list", container).out.decode()
    test.check(LONG_NAME in piped and "BITS" in piped, "in a pipe: shortened")
    lines = on_terminal(test, 80, "inspect", container)
    test.check(widest(lines) <= 80, f"inspect at 80 columns: found {widest(lines)}")
    test.check(all(len(line) <= 60 for line in on_terminal(test, 60, "help", "list")), "help at 60 columns: wider")


@case
def names_cannot_garble_the_terminal(test):
    """Control characters of names inside a file, and of the file itself, are printed as escapes."""
    name = "a\x1b[2J\u009bb\nc"
    container = test.compress("m.safetensors", files.safetensors([(name, "BF16", [1024], files.bf16(1024))]))
    for verb in ("list", "inspect"):
        out = test.plait(verb, container).out.decode()
        test.check(r"a\x1b[2J\xc2\x9bb\nc" in out, f"{verb}: {out!r}")
        test.check("\x1b" not in out and "\u009b" not in out, f"{verb}: control characters: {out!r}")
    test.equal(test.plait("list", "--json", container).json()["tensors"][0]["name"], name, "name in JSON")
    error = test.plait("list", "no\x1b[2J\nsuch", code=1).err.decode()
    test.equal(error, "plait: no\\x1b[2J\\nsuch: cannot open: No such file or directory\n", "stderr")


@case
def no_colour_anywhere(test):
    """There is none, so NO_COLOR changes nothing; LANG neither."""
    container = test.compress("m.safetensors", files.model())
    for arguments in (["list", container], ["inspect", container], ["help"], ["doctor"]):
        plain = on_terminal(test, 100, *arguments)
        test.check(not any("\x1b" in line for line in plain), f"{arguments}: escapes")
        test.check(all(ord(character) < 128 for line in plain for character in line), f"{arguments}: not ASCII")
