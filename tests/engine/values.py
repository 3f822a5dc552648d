"""Values of every kind for property tests: what JSON can hold, and what no JSON ever held."""

from typing import Any

from hypothesis import strategies as st

texts = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["\ud800", "1.2.3", "v1", "2026-06-01", "2026-06-01T12:00:00Z", "0001-01-01T00:00:00+14:00", "^(a+)+$", "(", "pro"]
)
numbers = (
    st.integers()
    | st.floats()
    | st.just(5_000).map(lambda digits: 10**digits)  # Python refuses to write it
    | st.sampled_from([10**400, -(10**400), 2**63, 0, 1, -0.0, 1e308, float("nan"), float("inf")])
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
foreign: st.SearchStrategy[Any] = st.sampled_from(
    [object(), b"bytes", 1j, {1, 2}, (), (1, "a"), range(3), Exception("none of ours"), int, {1: 2}, [[[[["a"]]]]]]
)
anything = json_values | foreign | st.lists(json_values | foreign, max_size=3)
