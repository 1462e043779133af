import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_manager.domain.operator_comment import MAX_WORD_CHARACTERS, put_word

WORD = "Not started: the device is offline."
Comments = st.none() | st.text()
Words = st.text(alphabet=st.characters(codec="utf-8"), min_size=1).filter(
    lambda word: put_word(None, word) is not None
)


def count(text: str | None) -> Counter[str]:
    return Counter(text or "")


def test_an_operator_reads_one_plain_line_behind_his_own() -> None:
    comment = put_word("Patient has a pacemaker.", WORD)
    assert comment is not None
    own, line = comment.split("\n")
    assert own == "Patient has a pacemaker."
    assert line.startswith(f"[workflow-manager: {WORD} #") and line.endswith("]")


@given(comment=Comments, word=Words)
def test_taking_out_what_was_added_leaves_what_was_there(comment: str | None, word: str) -> None:
    assert put_word(put_word(comment, word), None) == comment


@given(comment=Comments, first=Words, second=Words)
def test_a_new_word_replaces_the_one_before(comment: str | None, first: str, second: str) -> None:
    assert put_word(put_word(comment, first), second) == put_word(comment, second)


@given(comment=Comments, word=Words, data=st.data())
def test_whatever_an_operator_types_stays(comment: str | None, word: str, data: st.DataObject):
    told = put_word(comment, word) or ""
    typed = data.draw(st.text(min_size=1))
    start = data.draw(st.integers(0, len(told)))
    # He replaces some characters, or none; what stands before ours is his own to take away.
    end = data.draw(st.integers(start, min(start + 3, len(told))))
    edited = told[:start] + typed + told[end:]

    left = put_word(edited, None)

    kept = told[:start] + told[end:]
    own = count(comment) - (count(told) - count(kept))
    assert count(typed) + own <= count(left)
    assert put_word(put_word(edited, WORD), None) == left


@given(comment=st.text(), typed=st.text(), word=Words)
def test_what_he_writes_around_our_line_is_all_that_is_left(
    comment: str, typed: str, word: str
) -> None:
    told, line = put_word(comment, word), put_word(None, word)
    assert told is not None and line is not None
    behind = put_word(told + typed, None)
    assert behind in (comment + typed, f"{comment}\n{typed}")
    assert put_word(f"{typed}{line}", None) in (typed, None)
    # The line was moved up, or a field of one line has eaten its break.
    own = told.removeprefix(f"{comment}\n")
    assert put_word(f"{own}\n{comment}", None) == f"\n{comment}"
    joined = comment.rstrip("\n")
    assert put_word(joined + own, None) == (joined or None)


@pytest.mark.parametrize(
    ("edited", "left"),
    [
        ("a\n{line}\nb", "a\nb"),
        ("a\n{line} b", "a\n b"),
        ("a\n\n{line}\r\nb", "a\n\r\nb"),
        ("a\n{line}\n{line}", "a"),
        ("{line}\n{line}", None),
        ("a{line}b{line}", "ab"),
        ("\n{line}", ""),
        ("{line}", None),
    ],
)
def test_all_lines_of_ours_are_taken_out(edited: str, left: str | None) -> None:
    line = (put_word("", WORD) or "").strip()
    assert put_word(edited.format(line=line), None) == left


def test_a_line_within_a_line_is_taken_out_and_both_are_ours() -> None:
    outer, inner = put_word(None, WORD) or "", put_word(None, "Waits for Airflow.") or ""
    assert put_word(outer[:9] + inner + outer[9:], None) is None


@pytest.mark.parametrize("place", range(len(put_word(None, WORD) or "")))
@pytest.mark.parametrize("typed", ["5", "call service", "[", "]", "#", "\n"])
def test_what_he_types_into_our_line_stays(place: int, typed: str) -> None:
    line = put_word(None, WORD) or ""
    for behind in (line[place:], line[place + 1 :]):
        changed = line[:place] + typed + behind
        left = put_word(put_word(changed, WORD), None)
        assert changed == line or typed in (left or "")


def test_of_a_line_in_which_he_wrote_only_the_mark_goes() -> None:
    edited = (put_word("own", WORD) or "").replace("offline", "offline, service is called")
    left = put_word(put_word(edited, "The device is offline."), None) or ""
    assert left.startswith("own\nNot started: the device is offline, service is called. #")
    assert "workflow-manager" not in left and "]" not in left


@pytest.mark.parametrize(
    "text",
    [
        f"[workflow-manager: {WORD}]",
        f"[workflow-manager: {WORD} #0123]",
        "[workflow-manager: #0123abcd]",
        "[workflow-manager: ",
    ],
)
def test_what_only_looks_like_our_line_is_the_operators(text: str) -> None:
    assert put_word(put_word(text, WORD), None) == text


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("one\r\ntwo\u2028three\x85four", "one two three four"),
        ("a\u202eb\u2066c\x00d\ud800e", "a b c d e"),
        ("args [1] #0123abcd]", "args (1) #0123abcd)"),
        ("w" * 10_000, "w" * (MAX_WORD_CHARACTERS - 1) + "…"),
    ],
)
def test_a_word_is_one_line_that_can_be_read(word: str, shown: str) -> None:
    told = put_word("own", word)
    assert told is not None and told.encode()
    assert told.split("\n")[1].startswith(f"[workflow-manager: {shown} #")
    assert put_word(told, None) == "own"


@pytest.mark.parametrize("word", [None, "", " \n", "\u202e"])
def test_no_word_is_no_line(word: str | None) -> None:
    assert put_word(put_word("own", WORD), word) == "own"


@pytest.mark.parametrize(
    "text",
    [
        "pacemaker " * 10_000,
        "\u202egnihtyreve \u0627\r\n" * 5_000,
        "[workflow-manager: " * 5_000,
        "[workflow-manager: " + "x #0123abcd" * 9_000,
        "\n" * 100_000,
    ],
)
def test_a_comment_of_any_length_is_kept_and_costs_no_time(text: str) -> None:
    begun_s = time.process_time()
    assert put_word(put_word(text, WORD), None) == text
    assert time.process_time() - begun_s < 1


def test_lines_in_one_another_cost_no_time_however_many_there_are() -> None:
    begin, _, end = (put_word("", "y") or "").strip().partition(": y")
    begin += ": y"
    begun_s = time.process_time()
    assert put_word(begin * 5_000 + end * 5_000, None)
    assert put_word(begin * 3 + end * 3, None) is None
    assert time.process_time() - begun_s < 1
