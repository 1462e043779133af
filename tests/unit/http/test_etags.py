import pytest

from workflow_manager.http.etags import is_known, make_etag

ETAG = make_etag(1)
OPAQUE = ETAG.removeprefix("W/")


def test_make_etag_is_weak_and_differs_with_its_facts() -> None:
    assert ETAG.startswith('W/"')
    assert ETAG == make_etag(1)
    assert len({ETAG, make_etag("1"), make_etag(1, None), make_etag(11)}) == 4


@pytest.mark.parametrize(
    "if_none_match",
    ["*", " * ", ETAG, OPAQUE, f'"other", {ETAG}', f'"a,b",{OPAQUE},W/"c"'],
)
def test_state_is_known_where_a_tag_matches(if_none_match: str) -> None:
    assert is_known(if_none_match, ETAG)


@pytest.mark.parametrize("if_none_match", ["", '"other"', OPAQUE.strip('"'), '"*"', "*, x"])
def test_state_is_new_where_none_matches(if_none_match: str) -> None:
    assert not is_known(if_none_match, ETAG)
