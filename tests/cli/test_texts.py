"""Manual page and shell completions name every verb and option that the help has, and their readers take them."""
import re
import shutil
import subprocess

from harness import case

SHELLS = ("bash", "zsh", "fish")


def verbs(test):
    section = test.plait("help").out.decode().split("\nverbs:\n", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", section, re.MULTILINE)


def first_words(test):
    """What stands behind plait: kv has verbs of its own."""
    return list(dict.fromkeys(verb.split()[0] for verb in verbs(test)))


def options(test, verb):
    """One list of names for each option of a verb."""
    section = test.plait("help", *verb.split()).out.decode().split("\noptions:\n", 1)[1]
    lines = re.findall(r"^  (-.*?)(?:  |$)", section, re.MULTILINE)
    return [re.findall(r"(?<![\w|-])--?[\w-]+", line) for line in lines]


@case
def help_has_verbs_and_options(test):
    """What the other cases compare with is not empty, and is what the program takes."""
    test.equal(verbs(test), ["compress", "decompress", "verify", "list", "inspect", "cat", "bench", "import",
                                "export", "kv encode", "kv decode", "kv info", "kv profile", "kv bench", "doctor"], "verbs")
    test.check(["-n", "--top"] in options(test, "list"), f"options of list: found {options(test, 'list')}")
    test.check(["-3"] in options(test, "compress"), f"options of compress: found {options(test, 'compress')}")
    for verb in verbs(test):
        for names in options(test, verb):
            for name in names:
                error = test.plait(*verb.split(), name, code=None).first_error
                test.check("no such option" not in error, f"{verb} {name}: {error}")


@case
def levels_that_are_not_built_are_not_offered(test):
    text = test.plait("help", "compress").out.decode()
    for level in range(1, 10):
        built = "not built" not in test.plait("compress", f"-{level}", "missing", code=None).first_error
        test.equal(f"  -{level} " in text, built, f"-{level} in the help")


def manual_sections(text):
    """verb -> its section of the page, without the escapes of hyphens."""
    text = text.replace("\\-", "-")
    sections = re.finditer(r"^\.SS plait (kv \w+|\w+) .*\n((?:(?!\.S[SH] ).*\n)*)", text, re.MULTILINE)
    return {match[1]: match[2] for match in sections}


@case
def manual_page_has_every_option(test):
    sections = manual_sections(test.plait("manual").out.decode())
    test.equal(list(sections), verbs(test), "sections")
    for verb in verbs(test):
        tags = [line for line in sections[verb].splitlines() if line.startswith("\\fB-")]
        found = [re.findall(r"\\fB(--?[\w-]+)\\fR", tag) for tag in tags]
        test.equal(found, options(test, verb), f"options of {verb}")


def zsh_options(script, verb):
    section = re.search(rf"^    '?{verb}'?\)\n(.*?);;", script, re.MULTILINE | re.DOTALL)[1]
    return set(re.findall(r"^ *'(?:\([^)]*\))?(-[\w-]+)\[", section, re.MULTILINE))


def fish_options(script, verb):
    seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in verb.split())
    found = set()
    for line in script.splitlines():
        condition = re.search(r" -n '([^']*)' ", line)
        if condition and condition[1].split("; and not ")[0] == seen:
            words = line.split(" -d ")[0]
            found |= {f"-{name}" for name in re.findall(r" -s (\S+)", words)}
            found |= {f"--{name}" for name in re.findall(r" -l (\S+)", words)}
    return found


@case
def zsh_and_fish_have_every_option(test):
    for shell, found_in in (("zsh", zsh_options), ("fish", fish_options)):
        script = test.plait("completion", shell).out.decode()
        for verb in verbs(test):
            test.check(re.search(rf"^.*\b{verb.split()[-1]}\b", script, re.MULTILINE), f"{shell}: {verb} is missing")
            expected = {name for names in options(test, verb) for name in names}
            test.equal(found_in(script, verb), expected, f"{shell}: options of {verb}")


def completed(test, *words):
    """What bash offers for the last word."""
    test.write("completion", test.plait("completion", "bash").out)
    script = ('compopt() { :; }; . ./completion; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _plait; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", *words], cwd=test.dir, capture_output=True, text=True,
                          check=True, timeout=20)
    test.equal(done.stderr, "", f"stderr of completing {words}")
    return done.stdout.split()


@case
def bash_completes(test):
    test.equal(completed(test, "plait", "co"), ["compress"], "verbs")
    test.equal(completed(test, "plait", ""), [*first_words(test), "help"], "verbs")
    test.equal(completed(test, "plait", "kv", ""), ["encode", "decode", "info", "profile", "bench"], "verbs of kv")
    test.equal(completed(test, "plait", "help", "ins"), ["inspect"], "verbs behind help")
    for verb in verbs(test):
        expected = [name for names in options(test, verb) for name in names]
        test.equal(completed(test, "plait", *verb.split(), "-"), expected, f"options of {verb}")
    test.equal(completed(test, "plait", "-l", "--so"), ["--sort"], "options of an alias")
    test.equal(completed(test, "plait", "list", "--sort", "o"), ["offset"], "values")
    test.equal(completed(test, "plait", "kv", "encode", "--form", "t"), ["tier"], "values of a verb of kv")
    test.equal(completed(test, "plait", "list", "m"), [], "files, which bash completes by itself")


@case
def shells_take_their_scripts(test):
    """Syntax only; a shell that is not here is not asked."""
    asked = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}
    present = [shell for shell in SHELLS if shutil.which(shell)]
    for shell in present:
        test.write(shell, test.plait("completion", shell).out)
        done = subprocess.run([*asked[shell], shell], cwd=test.dir, capture_output=True, text=True, timeout=20)
        test.equal((done.returncode, done.stderr), (0, ""), f"{shell}: exit code and stderr")
    if len(present) < len(SHELLS):
        test.skip(f"not installed: {' '.join(shell for shell in SHELLS if shell not in present)}")


@case
def manual_page_renders(test):
    """Without a warning; every option is still there as a reader sees it."""
    if shutil.which("mandoc"):
        command, clean = ["mandoc", "-T", "ascii", "-W", "error"], lambda text: re.sub(".\b", "", text)
    elif shutil.which("groff"):
        command, clean = ["groff", "-man", "-ww", "-T", "ascii", "-P-cbou"], lambda text: text
    else:
        test.skip("neither mandoc nor groff is installed")
    test.write("plait.1", test.plait("manual").out)
    done = subprocess.run([*command, "plait.1"], cwd=test.dir, capture_output=True, text=True, timeout=20)
    test.equal((done.returncode, done.stderr), (0, ""), "exit code and stderr")
    text = clean(done.stdout)
    for verb in verbs(test):
        for names in options(test, verb):
            test.check(", ".join(names) in text, f"{verb} {names}: not in the page")
    test.check(max(map(len, text.splitlines())) <= 80, "lines: wider than 80 columns")


@case
def no_text_for_other_shells(test):
    error = test.plait("completion", "csh", code=2).first_error
    test.equal(error, "plait: shell: found csh, expected bash, zsh or fish", "stderr")
