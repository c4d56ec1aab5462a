"""Programs: real children, run by the interpreter that runs the tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from composetasks.run import process


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_both_outputs_and_the_code_are_returned() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = process.run(python(code), check=False)
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_failure_is_raised_with_what_it_said() -> None:
    with pytest.raises(process.ProgramError) as caught:
        process.run(python("import sys; sys.exit('no such thing')"))
    assert caught.value.code == 1
    assert "no such thing" in caught.value.stderr


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(process.ProgramError) as caught:
        process.run(["/no/such/program"])
    assert caught.value.code == 127


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(process.ProgramError) as caught:
        process.run(python("import signal; signal.pause()"), timeout=0.5)
    assert caught.value.code == 124


def test_arguments_are_no_shell_text() -> None:
    echo = "import sys; print(sys.argv[1])"
    assert process.run([*python(echo), "$(id); `id`; *"]).stdout == "$(id); `id`; *\n"


def test_standard_input_is_given_and_otherwise_empty() -> None:
    read = "import sys; print(repr(sys.stdin.read()))"
    assert process.run(python(read), stdin="text").stdout == "'text'\n"
    assert process.run(python(read)).stdout == "''\n"


def test_lines_come_while_the_program_works() -> None:
    running = process.Running(
        [*python("import signal; print('ready', flush=True); signal.pause()")]
    )
    with running:
        assert next(iter(running)) == process.Line("stdout", "ready")
    assert running.wait() == -signal.SIGTERM


def test_all_children_can_be_ended() -> None:
    running = process.Running(python("import signal; print('ready', flush=True); signal.pause()"))
    assert next(iter(running)).text == "ready"
    process.end_all()
    assert running.end() in (-signal.SIGINT, -signal.SIGTERM, 1)


def test_whoever_reads_a_program_that_another_thread_ends_comes_to_an_end() -> None:
    running = process.Running(python("import signal; print('ready', flush=True); signal.pause()"))
    lines = iter(running)
    assert next(lines).text == "ready"
    running.end()
    reader = threading.Thread(target=lambda: list(lines), daemon=True)
    reader.start()
    reader.join(60)
    assert not reader.is_alive()


def test_a_child_that_ignores_everything_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.2)
    stubborn = (
        "import signal\n"
        "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    running = process.Running(python(stubborn))
    assert next(iter(running)).text == "ready"
    assert running.end() == -signal.SIGKILL


# --- handed over ----------------------------------------------------------------------------

HAND_OVER = "import sys; from composetasks.run.process import hand_over; "


def handed_over(code: str, heard: signal.Signals = signal.SIGTERM) -> list[str]:
    """A program that hands everything over to another one; it hears ``heard``, also where the tests
    are run by nohup."""
    hears = f"import signal; signal.signal({int(heard)}, signal.SIG_DFL); "
    return python(f"{hears}{HAND_OVER}sys.exit(hand_over([sys.executable, '-c', {code!r}]))")


def test_streams_are_handed_over_and_the_code_comes_back() -> None:
    code = "import sys; print(sys.stdin.read()); print('err', file=sys.stderr); sys.exit(126)"
    done = process.run(handed_over(code), stdin="in", check=False)
    assert (done.code, done.stdout, done.stderr) == (126, "in\n", "err\n")


def test_an_end_by_a_signal_is_a_code_as_in_a_shell() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert process.run(handed_over(code), check=False).code == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_another_program_sends_is_passed_on(number: signal.Signals) -> None:
    code = (
        "import signal, sys\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(9))\n"
        "print('ready', flush=True)\n"
        "signal.pause()"
    )
    with subprocess.Popen(
        handed_over(code, heard=number), stdout=subprocess.PIPE, start_new_session=True, text=True
    ) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "ready\n"
            child.send_signal(number)
            assert child.wait(60) == 9
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def test_what_this_process_does_not_hear_the_program_does_not_either() -> None:
    """As behind nohup."""
    code = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    deaf = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {HAND_OVER}"
    program = python(f"{deaf}sys.exit(hand_over([sys.executable, '-c', {code!r}]))")
    assert process.run(program).stdout == "True\n"


def test_a_program_that_is_not_there_is_not_handed_anything() -> None:
    with pytest.raises(process.ProgramError) as caught:
        process.hand_over(["/no/such/program"])
    assert caught.value.code == 127
