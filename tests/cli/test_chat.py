"""llmcli chat: in a pipe, and in a terminal."""

import json
import os
import re
import sys

import pytest

from tests.chat.servers import refused, server, streamed


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMCLI_DATA", str(tmp_path))
    monkeypatch.delenv("LLMCLI_API_KEY", raising=False)
    return tmp_path / "chats"


@pytest.fixture
def talk(run, tiny_chat):
    """talk("a line", "/a command"): the lines through a pipe to a tiny chat model."""

    def talk(*lines, words=("-n", 4), model=tiny_chat):
        return run("chat", "-m", model, *words, input="".join(f"{line}\n" for line in lines))

    return talk


def test_each_line_of_a_pipe_is_answered(talk, run, tiny_chat):
    result = talk("the cat", "", "the dog", words=("-n", 12))
    assert result.exit_code == 0 and result.stderr.count("cut at the limit") == 2
    first = run("generate", "the cat", "-m", tiny_chat, "--chat", "-n", 12, "-q").stdout
    assert result.stdout.startswith(first) and result.stdout.count("\n") >= 2


def test_a_text_on_the_command_line_is_the_first_message(talk, run, tiny_chat):
    expected = talk("hi", "there").stdout
    assert talk("there", words=("-n", 4, "hi")).stdout == expected
    result = run("chat", "-m", tiny_chat, "two", "words", input="")
    assert (result.exit_code, "put it in quotation marks" in result.stderr) == (2, True)


@pytest.mark.parametrize("name", ["gpt2", "Qwen/Qwen3-0.6B", "llama3.2:1b", "./folder"])
def test_a_model_in_the_place_of_the_text_is_not_taken_for_one(run, tiny_chat, name):
    result = run("chat", name, input="")
    assert result.exit_code == 2 and f"llmcli chat -m {name}" in result.stderr
    assert run("chat", "-m", tiny_chat, "-n", 2, "--", name, input="").exit_code == 0
    assert run("chat", "-m", tiny_chat, "-n", 2, "Hello", input="").exit_code == 0


def test_lines_between_quotes_are_one_message(talk):
    expected = talk("/system be brief", "the\ncat".join(['"""', '"""'])).stdout
    assert talk("/system be brief", '"""', "the", "cat", '"""').stdout == expected


def test_commands_change_what_is_said(talk):
    result = talk(
        *("/system", "/system be kind", "/system", "hi", "/undo", "/context", "/system off"),
        *("/system", "/set temp 1", "/set temperature 2", "/set --top-k=3", "/set", "/model"),
    )
    assert "no system message\nbe kind\n" in result.stdout
    assert "nothing was said yet\nno system message\n" in result.stdout
    assert re.search(r"temperature +2.0\ntop_k +3\n", result.stdout)
    assert "[taken back: hi]" in result.stderr
    assert "Error: no such setting: temp; there are 'max_new_tokens'" in result.stderr


def test_an_answer_is_written_again_and_a_message_changed(talk):
    result = talk(
        "hi", "/set temperature 2", "/set seed 1", "/regenerate", "/edit hello", "/context"
    )
    assert "the same settings give the same answer" in result.stderr
    assert "the newest 1 of 1 turns are read" in result.stdout
    assert result.exit_code == 0


def test_a_setting_that_is_wrong_changes_nothing(talk):
    result = talk("/set top_p 3", "/set seed", "/set stop", "/set top_p off", "/set")
    assert re.search(r"Error: top_p: 3.*\n.*Error: /set seed needs a value", result.stderr)
    assert re.search(r"top_p +default", result.stdout) and result.exit_code == 1


def test_what_cannot_be_done_yet_is_said(talk):
    words = ("/undo", "/regenerate", "/edit x", "/copy", "/load", "/load nowhere", "/nonsense")
    result = talk(*words)
    assert result.stderr.count("Error: ") == len(words) and result.exit_code == 1
    assert "Error: no such command: /nonsense; /help lists them" in result.stderr


def test_a_message_that_cannot_be_answered_is_taken_back(talk):
    result = talk("the cat " * 300, "/context")
    assert re.search(r"Error: the message has \d+ tokens .* 252 fit", result.stderr)
    assert result.stdout == "nothing was said yet\n" and result.exit_code == 1


def test_a_conversation_is_saved_and_goes_on(talk, run, tiny_chat, folder):
    result = talk("hi", "/save trip", "/save trip", "there", "/save")
    assert f"[saved as {folder}/trip.json]" in result.stderr and result.exit_code == 0
    value = json.loads((folder / "trip.json").read_bytes())
    assert [message["role"] for message in value["messages"]] == ["user", "assistant"] * 2
    goes_on = talk("/context", words=("-c", "-n", "4"))
    assert "the newest 2 of 2 turns" in goes_on.stdout and "[2 turns of" in goes_on.stderr
    assert "3 of 3" in talk("and", "/context", words=("--load", "trip", "-n", "4")).stdout
    assert len(list(folder.iterdir())) == 1  # nothing else was saved
    talk("new", words=("-n", "4", "--save"))
    assert len(list(folder.iterdir())) == 2


def test_a_file_of_another_conversation_is_not_written_over(talk, folder):
    talk("hi", "/save trip")
    result = talk("hello", "/save trip")
    assert "trip.json is there already: choose another name" in result.stderr


def test_options_that_contradict_each_other_are_refused(run, tiny_chat, tiny_gpt2):
    result = run("chat", "-c", "--load", "x", input="")
    assert (result.exit_code, "--load contradict" in result.stderr) == (2, True)
    assert run("chat", "-c", input="").exit_code == 3
    result = run("chat", "-m", tiny_gpt2, "-s", "be kind", input="")
    assert result.exit_code == 2 and "it reads no --system message" in result.stderr
    result = run("chat", "--url", "http://127.0.0.1:1", "--device", "cpu", input="")
    assert (result.exit_code, "--url asks a server" in result.stderr) == (2, True)
    assert run("chat", "--url", "http://127.0.0.1:1", input="").exit_code == 4


def test_a_base_model_writes_a_text_together_with_the_user(run, tiny_gpt2):
    result = run("chat", "-m", tiny_gpt2, "-n", 3, input="the cat\nsat\n/system x\n")
    assert "is no chat model: write a text together" in result.stderr
    assert "Error: " in result.stderr and result.stdout.count("\n") >= 2


def test_another_model_goes_on_with_the_conversation(talk, tiny_gpt2, tiny_chat):
    result = talk("hi", f"/model {tiny_gpt2}", "there", "/context", "/model nowhere/at-all")
    assert f"[now with {tiny_gpt2}]" in result.stderr and "2 of 2 turns" in result.stdout
    assert "Error: " in result.stderr and result.exit_code == 1


def test_a_system_message_that_was_taken_back_does_not_keep_a_base_model_out(talk, tiny_gpt2):
    words = ("-n", 4, "-s", "be kind")
    result = talk(f"/model {tiny_gpt2}", "/system off", f"/model {tiny_gpt2}", words=words)
    assert result.stderr.count("/system off comes first") == 1
    assert result.stderr.count(f"[now with {tiny_gpt2}]") == 1


def test_a_server_answers(run):
    with server(lambda path, body, headers: streamed("你", "好")) as url:
        result = run("chat", "--url", url, "-m", "m", input="hello\n/context\n")
    assert (
        result.stdout
        == "你好\na number of tokens that the server knows; the newest 1 of 1 turns are read\n"
    )
    with server(lambda path, body, headers: refused(429, "busy")) as url:
        result = run("chat", "--url", url, "-m", "m", input="hello\n")
    assert result.exit_code == 1 and "refuses this (429): busy" in result.stderr


def test_a_terminal_edits_interrupts_and_leaves(tiny_chat, tmp_path):
    pexpect = pytest.importorskip("pexpect")
    words = ["-m", "llmcli", "chat", "-m", str(tiny_chat), "--temperature", "1", "--seed", "1"]
    environment = {**os.environ, "TERM": "xterm-256color"}
    child = pexpect.spawn(
        sys.executable, words, env=environment, timeout=60, encoding="utf-8", dimensions=(24, 80)
    )
    child.expect("/help lists the commands")
    child.expect(">")
    child.send("看电影\x1b\rthe cat\r")  # Alt-Enter begins a line
    child.expect("\r\n")
    child.expect("2004h")  # the next prompt
    child.send("/cont\t")
    child.expect("ext")  # Tab completes it
    child.send("\r")
    child.expect("1 of 1 turns are read")
    child.send("half a line\x03")
    child.expect("Ctrl-C again leaves")
    child.send("\x03")
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.signalstatus) == (0, None)


def test_what_no_longer_fits_is_said_once_and_before_it_happens(talk):
    result = talk(*["the cat sat on the mat " * 4] * 6, "/context")
    assert result.stderr.count("tokens that fit beside an answer: soon the oldest turns") == 1
    assert result.stderr.count("turns no longer fit: the model does not read the oldest") >= 1
    assert "of 252 that fit beside an answer; the newest" in result.stdout
