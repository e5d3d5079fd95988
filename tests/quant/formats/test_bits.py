import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs the extra `local`")

import torch
from firstfault.quant.formats.bits import pack, unpack, words

integers = st.integers(1, 8).flatmap(
    lambda bits: st.tuples(
        st.just(bits),
        st.integers(1, 80).flatmap(
            lambda count: st.lists(
                st.lists(st.integers(0, 2**bits - 1), min_size=count, max_size=count), min_size=1, max_size=3
            )
        ),
    )
)


@given(integers)
def test_what_is_packed_comes_out_again_in_as_few_words_as_hold_it(case):
    bits, rows = case
    values = torch.tensor(rows, dtype=torch.uint8)
    packed = pack(values, bits)
    assert (packed.dtype, packed.shape) == (torch.int32, (len(rows), -(-len(rows[0]) * bits // 32)))
    assert packed.shape[1] == words(len(rows[0]), bits)
    assert torch.equal(unpack(packed, bits, len(rows[0])), values)


@given(integers)
def test_the_words_are_those_of_compressed_tensors(case):
    helpers = pytest.importorskip("compressed_tensors.compressors.pack_quantized.helpers")
    bits, rows = case
    values = torch.tensor(rows, dtype=torch.uint8)
    signed = (values.to(torch.int16) - 2 ** (bits - 1)).to(torch.int8)
    assert torch.equal(pack(values, bits), helpers.pack_to_int32(signed, bits))
