"""Where a key may be: in one Authorization header, and in no URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.credentials import bearer_key, refuse_key_in_query
from backbone.contract.errors import Problem, Violation
from backbone.contract.keys import KEY_BYTES, KeyKind, hash_key, key_name, make_key

KEYS = st.builds(make_key, st.sampled_from(list(KeyKind)), st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES))
WORDS = st.text(alphabet="abcxyz-12", max_size=8)
HARMLESS = st.tuples(st.sampled_from(["after", "types", "limit", "wait"]), WORDS)


@given(st.lists(HARMLESS, max_size=4), KEYS, st.sampled_from(["name", "value", "word"]), st.data())
def test_a_key_anywhere_in_a_query_is_refused(
    parameters: list[tuple[str, str]], key: str, where: str, data: st.DataObject
) -> None:
    wrong = {"name": (key, ""), "value": ("x", f"a{key}"), "word": ("Access_Token", "anything")}[where]
    parameters.insert(data.draw(st.integers(0, len(parameters))), wrong)
    with pytest.raises(Violation) as caught:
        refuse_key_in_query(parameters)
    assert caught.value.problem is Problem.KEY_IN_QUERY
    assert key not in str(caught.value)


@given(st.lists(HARMLESS, max_size=4))
def test_a_query_without_one_passes(parameters: list[tuple[str, str]]) -> None:
    refuse_key_in_query(parameters)


@given(KEYS, st.sampled_from(["Bearer", "bearer", "BEARER"]))
def test_the_key_of_the_one_bearer_header_is_found(key: str, scheme: str) -> None:
    assert bearer_key([f"{scheme} {key}"]) == key


@pytest.mark.parametrize("headers", [[], ["Basic a"], ["Bearer"], ["Bearer  "], [""], ["a"]])
def test_no_header_and_another_scheme_are_no_key(headers: list[str]) -> None:
    assert bearer_key(headers) is None


@pytest.mark.parametrize("second", ["Bearer a", "Bearer b", "Basic a", ""])
def test_a_second_header_is_refused_whatever_it_holds(second: str) -> None:
    for headers in (["Bearer a", second], [second, "Bearer a"]):
        with pytest.raises(Violation, match="given twice") as caught:
            bearer_key(headers)
        assert caught.value.problem is Problem.BAD_REQUEST


@given(st.binary(max_size=64).filter(lambda entropy: len(entropy) != KEY_BYTES))
def test_a_key_is_made_of_thirty_two_bytes_or_not_at_all(entropy: bytes) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        make_key(KeyKind.TERMINAL, entropy)


@given(KEYS)
def test_a_key_is_called_by_the_beginning_of_its_hash_which_is_no_part_of_it(key: str) -> None:
    digest = hash_key(key)
    assert digest is not None
    assert digest.hex().startswith(key_name(digest))
    assert len(key_name(digest)) == 12
    assert key_name(digest) not in key
